// Reads events as a node sent them with the CloudEvents SDK of Go, and prints what the SDK understood, a line each.
// Arguments: a file of events in JSON, one a line, then a file of Kafka messages. It judges nothing: the test compares.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
	"github.com/cloudevents/sdk-go/v2/event"
)

type message struct {
	Key     string            `json:"key"`
	Headers map[string]string `json:"headers"`
	Value   *string           `json:"value"`
}

type shown struct {
	ID             string          `json:"id"`
	Type           string          `json:"type"`
	Source         string          `json:"source"`
	Subject        string          `json:"subject,omitempty"`
	DataSchema     string          `json:"dataschema,omitempty"`
	LedgerSequence any             `json:"ledgersequence"`
	Data           json.RawMessage `json:"data,omitempty"`
}

// The binary mode of Kafka. The SDK's own bindings bring a client of Kafka each; this says the same to the SDK's event reader.
var specs = spec.WithPrefix("ce_")

func (m message) ReadEncoding() binding.Encoding { return binding.EncodingBinary }

func (m message) ReadStructured(context.Context, binding.StructuredWriter) error {
	return binding.ErrNotStructured
}

func (m message) ReadBinary(_ context.Context, writer binding.BinaryWriter) error {
	version := specs.Version(m.Headers["ce_specversion"])
	for name, value := range m.Headers {
		attribute := version.Attribute(name)
		if name == "content-type" {
			attribute = version.AttributeFromKind(spec.DataContentType)
		}
		var err error
		if attribute != nil {
			err = writer.SetAttribute(attribute, value)
		} else {
			err = writer.SetExtension(strings.TrimPrefix(name, "ce_"), value)
		}
		if err != nil {
			return err
		}
	}
	if m.Value == nil {
		return nil
	}
	return writer.SetData(strings.NewReader(*m.Value))
}

func (m message) GetAttribute(kind spec.Kind) (spec.Attribute, any) {
	attribute := specs.Version(m.Headers["ce_specversion"]).AttributeFromKind(kind)
	return attribute, m.Headers[attribute.PrefixedName()]
}

func (m message) GetExtension(name string) any { return m.Headers["ce_"+name] }

func (m message) Finish(error) error { return nil }

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func each(path string, read func(line []byte)) {
	file, err := os.Open(path)
	must(err)
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if len(lines.Bytes()) > 0 {
			read(lines.Bytes())
		}
	}
	must(lines.Err())
}

func show(e event.Event) {
	must(e.Validate())
	line, err := json.Marshal(shown{
		ID: e.ID(), Type: e.Type(), Source: e.Source(), Subject: e.Subject(), DataSchema: e.DataSchema(),
		LedgerSequence: e.Extensions()["ledgersequence"], Data: e.Data(),
	})
	must(err)
	fmt.Println(string(line))
}

func main() {
	each(os.Args[1], func(line []byte) {
		e := event.New()
		must(json.Unmarshal(line, &e))
		show(e)
	})
	each(os.Args[2], func(line []byte) {
		var m message
		must(json.Unmarshal(line, &m))
		e, err := binding.ToEvent(context.Background(), m)
		must(err)
		show(*e)
	})
}
