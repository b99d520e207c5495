# The texts of the pages in English. Every locale has the same keys with the same values in them; a test compares them.

language-name = English
tagline = What countries and organisations offer, need, agree and learn
site-description = A public ledger of cooperation for health and development: offers, demands, agreements and learnings, each with who recorded it and when.
skip-to-content = Skip to the content

nav-main = Main
nav-languages = Language
nav-board = Board
nav-organisations = Organisations
nav-agreements = Agreements
nav-learnings = Learnings
nav-convenings = Convenings
nav-search = Search
nav-activity = Activity
nav-audit = Audit trail
nav-about = About

footer-sequence = This page is true at sequence
as-of = Up to what was recorded on
footer-data = This page as data
footer-api = Programming interface

# Numbers and dates
number-group = ,
number-group-from = 4
number-decimal = .
amount-of-money = { $currency } { $amount }
unit-expert-days = { $count ->
    [one] { $shown } expert day
   *[other] { $shown } expert days
}
unit-places = { $count ->
    [one] { $shown } place
   *[other] { $shown } places
}
unit-visits = { $count ->
    [one] { $shown } visit
   *[other] { $shown } visits
}
unit-units = { $count ->
    [one] { $shown } unit
   *[other] { $shown } units
}
unit-hours = { $count ->
    [one] { $shown } hour
   *[other] { $shown } hours
}
notice-days = { $count ->
    [one] { $shown } day
   *[other] { $shown } days
}
date-day = { $day } { $month } { $year }
date-month = { $month } { $year }
date-span = { $from } – { $to }
date-since = since { $from }
date-until = until { $to }
date-time = { $day }, { $clock } UTC
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
scheme-sdg = SDG
scheme-dac = DAC
scheme-decs = DeCS
scheme-mesh = MeSH

# What people recorded
words-original-in = original in { $language }
words-machine-translation = machine translation
words-translation = translation, not by the author
words-erased = (text erased)

# Marks
mark-sample = example data
mark-profile = profile by others
mark-urgency = urgency: { $urgency }

# Board and lists
heading-board = Cooperation board
heading-offers = Offers
heading-demands = Demands
lead-board = What organisations offer and need today. Every entry says who published it; nothing here has been changed silently.
lead-offers = All offers, whatever has become of them.
lead-demands = All demands, whatever has become of them.
lead-agreements = What organisations agreed, and how far each party vouches for it.
lead-learnings = What organisations learnt by working together, for others to use.
lead-convenings = Where organisations met, what they held and visited together.
lead-organisations = Ministries, agencies, universities, networks and communities that cooperate.
tabs-label = Which entries
tab-open = All open
tab-offers = Offers
tab-demands = Demands
search-label = Search
search-placeholder = Words in any of the languages
search-button = Search
filters-heading = Filters
filters-apply = Apply
filter-dates = Dates
filter-from = From
filter-to = To
sort-label = Order
sort-relevance = Most relevant
sort-updated = Last changed
sort-created = Newest
sort-title = Title
sort-ends-on = Ending soonest
facet-type = Kind
facet-country = Countries
facet-theme = Themes
facet-mechanism = Ways of working
facet-modality = Modality
facet-state = State
facet-language = Languages
facet-attestation = Claimed or confirmed
facet-organisation = Organisation
facet-role = Role
facet-from = From
facet-to = To
facet-q = Words
found = { $count ->
    [one] { $shown } entry
   *[other] { $shown } entries
}
found-more = More than { $shown } entries
found-none = No entries
found-none-yet = There is nothing here now. Whoever has a grant on this ledger records with the program or over the API:
found-none-hint = Try fewer words or take a filter away.
chosen-label = Chosen filters
chosen-remove = Remove
chosen-remove-all = Clear all
pages-label = Pages
pages-first = First page
pages-next = Next page
pages-older = Older
pages-newest = Newest
more-names = { $count ->
    [one] and { $shown } more
   *[other] and { $shown } more
}

# Search
search-title = Search: { $q }
search-lead = Finds offers, demands, organisations, agreements, learnings and convenings in every language. Accents and plurals do not matter.
search-all = Show all

# Activity and audit
activity-lead = What has happened, the latest first.
activity-none = Nothing has happened yet.
audit-lead = Who recorded what, when, and under which grant. Each line is one event of the ledger; its number leads to the event as it was stored.
audit-filter = Filter the audit trail
audit-subject = Record
audit-actor = Who
audit-grant = Grant
audit-kind = Kind of record
audit-any = All
audit-only = only this
audit-caption = Events, the latest first
audience-public = public
audience-restricted = restricted
actor-clock = Clock of the ledger
actor-operator = Operator of the ledger

# Records
section-facts = Facts
section-history = History
section-lists = What it takes part in
history-hint = Choose a line to see the record as it was then.
history-audit = Show in the audit trail
history-caption = What happened to this record, the latest first
past-said = You see this record as it was at sequence { $sequence }.
past-present = Show it as it is now
section-conditions = Conditions
section-reservations = What agreements hold of it
section-parties = Parties
section-commitments = Commitments
section-milestones = Milestones
section-signatures = Signatures
section-context = Context
section-done = What was done
section-results = Results
section-lessons = Lessons
section-recommendations = Recommendations
section-enabling = What made it possible
section-limits = Limits
section-population = Population
section-authorship = Authorship
section-screenings = Screenings
section-participation = Who took part
section-sessions = Sessions
section-visits = Visits
section-outputs = What came of it
section-sites = Sites
section-affiliations = Belongs to
section-affiliates = Belonging to it
section-counts = In numbers
section-timeline = Timeline
section-partners = Partners

fact-organisation = Organisation
fact-places = Places
fact-valid-from = Valid from
fact-valid-through = Valid through
fact-parties = Parties
fact-when = When
fact-authors = Authors
fact-organisers = Organisers
fact-reason = Reason
fact-mechanisms = Ways of working
fact-themes = Themes
fact-delivery-languages = Languages of delivery
fact-languages = Languages
fact-modalities = Modality
fact-quantity = Quantity
fact-remaining = Left
fact-commitment = Commitment
fact-costs = Who bears which cost
fact-urgency = Urgency
fact-evidence = Evidence
fact-fulfilled-by = Fulfilled by
fact-keywords = Keywords
fact-origin = Origin
fact-registered-by = Recorded by
fact-direction = Direction
fact-concluded-on = Concluded
fact-effective-on = In force from
fact-ends-on = Ends
fact-ended-on = Ended
fact-review-on = Review
fact-renewal = Renewal
fact-notice = Notice
fact-prevailing-language = Prevailing language
fact-parent = Under the framework
fact-renews = Renews
fact-convening = Came out of
fact-came-from = Came from
fact-state-by = Brought to this state by
fact-refused-by = Refused by
fact-left-by = Left it before it was active
fact-citation = Source
fact-documents = Documents (digests)
fact-terms-digest = Digest of the terms
fact-licence = Licence
fact-retracted-by = Retracted by
fact-venue = Venue
fact-format = Format
fact-standing = Standing
fact-identifiers = Identifiers
fact-office = Office
fact-mailbox = Mailbox
fact-website = Website
fact-verification = Verification
fact-verified-how = Checked by
fact-verified-by = Verified by
quantity-unlimited = no limit
agreement-here = Made on this ledger
agreement-elsewhere = Concluded elsewhere and registered here
learning-here = Submitted on this ledger
learning-elsewhere = Published elsewhere and registered here
organisation-holder = Acts here itself
organisation-profile = Described here by others; it has not claimed this profile
verified-by-itself = itself, as the first organisation of the ledger
site-closed = closed
word-yes = Yes
word-no = No

column-when = When
column-what = What
column-who = Who
column-sequence = Sequence
column-record = Record
column-grant = Grant
column-audience = Audience
column-agreement = Agreement
column-quantity = Quantity
column-state = State
column-organisation = Organisation
column-organisations = Organisations
column-roles = Role
column-represents = Stands for
column-signs = Signs
column-vouches = Vouched for
column-since = Since
column-provider = Gives
column-receiver = Receives
column-due = Due
column-source = Source
column-office = Office
column-method = Method
column-signed-on = Signed
column-recorded = Recorded
column-outcome = Outcome
column-remarks = Remarks
column-kind = Kind
column-facilities = Facilities
column-host = Host
column-name = Name
place-withdrawn = code withdrawn
column-place = Place
column-confirmed = Confirmed
column-claimed = Claimed
column-denied = Denied

# Troubles
trouble-not-found = There is no such page
trouble-bad-request = The address is not understood
trouble-unavailable = One moment, please
trouble-error = Something went wrong
trouble-board = To the board
cause-not-found = There is nothing at this address, or it is not public.
cause-unavailable = The pages are being prepared. Please try again in a few seconds.
cause-late = What you are waiting for has not arrived on the pages yet. Please try again in a few seconds.
cause-error = The page could not be put together. It has been noted.
cause-query = What stands behind the question mark cannot be read.
cause-sort = There is no such order.
cause-date = A date is written YYYY-MM-DD, and must exist.
cause-organisation = An organisation is named by its id.
cause-as-of = A sequence is a whole number.
cause-as-of-ahead = There is no event with this sequence yet.
cause-cursor = This cursor is not one that a page here gave.
cause-type = An event type is a full name such as org.convenio.offer.published.v1, or a beginning such as org.convenio.offer.*
cause-subject = A record is named by its kind and id, such as offer/0190….
cause-actor = Whoever acts is named as organisation and id, system/clock or system/operator.
cause-grant = A grant is named as access/ and its id.
cause-kind = There is no such kind of record.
cause-cursor-invalid = The place in the list is no longer known. Please begin at its first page.
cause-too-many-values = Too many filters are chosen at once.

# About
about-lead = Convenio is a ledger of cooperation: who offers what, who needs what, what was agreed and what was learnt.
about-what-heading = What is recorded here
about-what = Ministries, universities, communities, networks and development partners record offers, demands, agreements, learnings and the meetings where they begin. Each record keeps its whole history: you can read it as it is and as it was.
about-claimed-heading = Claimed is not confirmed
about-claimed = What a party alone says, of itself or of another, stays marked “Claimed”; it is “Confirmed” once another party says so too. Whoever only records what others do is counted nowhere. Every party speaks for itself, and a denial is shown as clearly as a confirmation. “Verified” means that somebody else checked who the organisation is.
about-proof-heading = Nothing is changed silently
about-proof = Every event has its number in one total order and is a leaf of a Merkle tree. To change or to leave out anything that was recorded is to change the root of that tree.
about-not-proven = The tree does not say that a statement is true, nor that there is no other agreement beside it.
about-sample-heading = Example data
about-sample = What carries the mark “example data” was recorded together with the program, to show how it works. Facts about real organisations stand there with their source and as claims of an example organisation.
about-programs-heading = For programs
about-programs = Everything on these pages is also there as data, with the same rights for everybody.
about-events = All events
about-ledger-heading = This ledger
about-source = Identity
about-address = Address

# What happened
event-ledger-opened = Ledger opened
event-ledger-settings-changed = Settings changed
event-ledger-clock-confirmed = Clock confirmed
event-access-granted = Access granted
event-access-revoked = Access revoked
event-visibility-changed = Visibility changed
event-organisation-registered = Organisation registered
event-organisation-revised = Organisation revised
event-organisation-identifier-added = Identifier added
event-organisation-identifier-withdrawn = Identifier withdrawn
event-organisation-site-added = Site added
event-organisation-site-closed = Site closed
event-organisation-affiliation-claimed = Affiliation claimed
event-organisation-affiliation-confirmed = Affiliation confirmed
event-organisation-affiliation-ended = Affiliation ended
event-organisation-verified = Organisation verified
event-organisation-verification-revoked = Verification revoked
event-organisation-suspended = Organisation suspended
event-organisation-reinstated = Organisation reinstated
event-offer-published = Offer published
event-offer-revised = Offer revised
event-offer-paused = Offer paused
event-offer-resumed = Offer resumed
event-offer-withdrawn = Offer withdrawn
event-offer-expired = Offer expired
event-offer-fulfilled = Offer fulfilled
event-offer-reserved = Offer reserved
event-offer-allocated = Offer allocated
event-offer-released = Offer released
event-demand-published = Demand published
event-demand-revised = Demand revised
event-demand-paused = Demand paused
event-demand-resumed = Demand resumed
event-demand-withdrawn = Demand withdrawn
event-demand-expired = Demand expired
event-demand-fulfilled = Demand fulfilled
event-demand-reserved = Demand reserved
event-demand-allocated = Demand allocated
event-demand-released = Demand released
event-agreement-drafted = Agreement drafted
event-agreement-revised = Draft revised
event-agreement-proposed = Agreement proposed
event-agreement-signed = Agreement signed
event-agreement-refused = Agreement refused
event-agreement-proposal-withdrawn = Proposal withdrawn
event-agreement-activated = Agreement in force
event-agreement-end-reached = End of the agreement reached
event-agreement-completed = Agreement completed
event-agreement-terminated = Agreement terminated
event-agreement-suspended = Agreement suspended
event-agreement-resumed = Agreement resumed
event-agreement-cancelled = Agreement cancelled
event-agreement-registered = Agreement registered
event-agreement-confirmed = Agreement confirmed
event-agreement-denied = Agreement denied
event-agreement-left = A party left the agreement
event-learning-registered = Learning registered
event-learning-submitted = Learning submitted
event-learning-revised = Learning revised
event-learning-screened = Learning screened
event-learning-published = Learning published
event-learning-authorship-accepted = Authorship accepted
event-learning-retracted = Learning retracted
event-convening-announced = Convening announced
event-convening-registered = Convening registered
event-convening-participation-confirmed = Participation confirmed
event-convening-session-recorded = Session recorded
event-convening-visit-recorded = Visit recorded
event-convening-postponed = Convening postponed
event-convening-held = Convening held
event-convening-cancelled = Convening cancelled
