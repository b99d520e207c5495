# Los textos de las páginas en español. Cada idioma tiene las mismas claves con los mismos valores; una prueba las compara.

language-name = Español
tagline = Lo que países y organizaciones ofrecen, necesitan, acuerdan y aprenden
site-description = Un registro público de la cooperación para la salud y el desarrollo: ofertas, demandas, acuerdos y aprendizajes, cada uno con quién lo registró y cuándo.
skip-to-content = Ir al contenido

nav-main = Principal
nav-languages = Idioma
nav-board = Tablero
nav-organisations = Organizaciones
nav-agreements = Acuerdos
nav-learnings = Aprendizajes
nav-convenings = Encuentros
nav-search = Buscar
nav-activity = Actividad
nav-audit = Auditoría
nav-about = Acerca de

footer-sequence = Esta página es fiel hasta la secuencia
as-of = Hasta lo registrado el
footer-data = Esta página como datos
footer-api = Interfaz de programación

# Números y fechas
number-group = .
number-group-from = 5
number-decimal = ,
amount-of-money = { $amount } { $currency }
unit-expert-days = { $count ->
    [one] { $shown } día de experto
   *[other] { $shown } días de experto
}
unit-places = { $count ->
    [one] { $shown } plaza
   *[other] { $shown } plazas
}
unit-visits = { $count ->
    [one] { $shown } visita
   *[other] { $shown } visitas
}
unit-units = { $count ->
    [one] { $shown } unidad
   *[other] { $shown } unidades
}
unit-hours = { $count ->
    [one] { $shown } hora
   *[other] { $shown } horas
}
notice-days = { $count ->
    [one] { $shown } día
   *[other] { $shown } días
}
date-day = { $day } de { $month } de { $year }
date-month = { $month } de { $year }
date-span = { $from } – { $to }
date-since = desde { $from }
date-until = hasta { $to }
date-time = { $day }, { $clock } UTC
month-1 = enero
month-2 = febrero
month-3 = marzo
month-4 = abril
month-5 = mayo
month-6 = junio
month-7 = julio
month-8 = agosto
month-9 = septiembre
month-10 = octubre
month-11 = noviembre
month-12 = diciembre
scheme-sdg = ODS
scheme-dac = CAD
scheme-decs = DeCS
scheme-mesh = MeSH

# Lo que se registró
words-original-in = idioma original: { $language }
words-machine-translation = traducción automática
words-translation = traducción ajena al autor
words-erased = (texto borrado)

# Marcas
mark-sample = datos de ejemplo
mark-profile = perfil hecho por terceros
mark-urgency = urgencia: { $urgency }

# Tablero y listas
heading-board = Tablero de cooperación
heading-offers = Ofertas
heading-demands = Demandas
lead-board = Lo que las organizaciones ofrecen y necesitan hoy. Cada entrada dice quién la publicó; nada de lo que hay aquí se ha cambiado en silencio.
lead-offers = Todas las ofertas, sea cual sea su estado.
lead-demands = Todas las demandas, sea cual sea su estado.
lead-agreements = Lo que las organizaciones acordaron y hasta dónde lo respalda cada parte.
lead-learnings = Lo que las organizaciones aprendieron al trabajar juntas, para que otras lo usen.
lead-convenings = Dónde se reunieron las organizaciones, qué sesiones celebraron y qué visitaron juntas.
lead-organisations = Ministerios, agencias, universidades, redes y comunidades que cooperan.
tabs-label = Qué entradas
tab-open = Todo lo abierto
tab-offers = Ofertas
tab-demands = Demandas
search-label = Buscar
search-placeholder = Palabras en cualquiera de los idiomas
search-button = Buscar
filters-heading = Filtros
filters-apply = Aplicar
filter-dates = Fechas
filter-from = Desde
filter-to = Hasta
sort-label = Orden
sort-relevance = Más pertinentes
sort-updated = Últimos cambios
sort-created = Más recientes
sort-title = Título
sort-ends-on = Vencen antes
facet-type = Tipo
facet-country = Países
facet-theme = Temas
facet-mechanism = Mecanismos
facet-modality = Modalidad
facet-state = Estado
facet-language = Idiomas
facet-attestation = Declarado o confirmado
facet-organisation = Organización
facet-role = Papel
facet-from = Desde
facet-to = Hasta
facet-q = Palabras
found = { $count ->
    [one] { $shown } entrada
   *[other] { $shown } entradas
}
found-more = Más de { $shown } entradas
found-none = Ninguna entrada
found-none-yet = Aquí no hay nada por ahora. Quien tiene un permiso en este registro graba con el programa o por la API:
found-none-hint = Pruebe con menos palabras o quite un filtro.
chosen-label = Filtros elegidos
chosen-remove = Quitar
chosen-remove-all = Quitar todos
pages-label = Páginas
pages-first = Primera página
pages-next = Página siguiente
pages-older = Anteriores
pages-newest = Lo más reciente
more-names = { $count ->
    [one] y { $shown } más
   *[other] y { $shown } más
}

# Búsqueda
search-title = Búsqueda: { $q }
search-lead = Encuentra ofertas, demandas, organizaciones, acuerdos, aprendizajes y encuentros en todos los idiomas. No importan los acentos ni los plurales.
search-all = Ver todo

# Actividad y auditoría
activity-lead = Lo que ha ocurrido, empezando por lo último.
activity-none = Todavía no ha ocurrido nada.
audit-lead = Quién registró qué, cuándo y con qué permiso. Cada línea es un evento del registro; su número lleva al evento tal como se guardó.
audit-filter = Filtrar la auditoría
audit-subject = Registro
audit-actor = Quién
audit-grant = Permiso
audit-kind = Tipo de registro
audit-any = Todos
audit-only = solo este
audit-caption = Eventos, empezando por el último
audience-public = público
audience-restricted = restringido
actor-clock = Reloj del registro
actor-operator = Operador del registro

# Registros
section-facts = Datos
section-history = Historia
section-lists = En qué participa
history-hint = Elija una línea para ver el registro como era entonces.
history-audit = Ver en la auditoría
history-caption = Lo que le ocurrió a este registro, empezando por lo último
past-said = Está viendo este registro como era en la secuencia { $sequence }.
past-present = Ver como es ahora
section-conditions = Condiciones
section-reservations = Lo que tienen tomado los acuerdos
section-parties = Partes
section-commitments = Compromisos
section-milestones = Hitos
section-signatures = Firmas
section-context = Contexto
section-done = Lo que se hizo
section-results = Resultados
section-lessons = Lecciones
section-recommendations = Recomendaciones
section-enabling = Lo que lo hizo posible
section-limits = Límites
section-population = Población
section-authorship = Autoría
section-screenings = Revisiones
section-participation = Quién participó
section-sessions = Sesiones
section-visits = Visitas
section-outputs = Qué surgió de esto
section-sites = Sedes
section-affiliations = Pertenece a
section-affiliates = Le pertenecen
section-counts = En cifras
section-timeline = Cronología
section-partners = Socios

fact-organisation = Organización
fact-places = Lugares
fact-valid-from = Válida desde
fact-valid-through = Válida hasta
fact-parties = Partes
fact-when = Cuándo
fact-authors = Autoría
fact-organisers = Organizan
fact-reason = Motivo
fact-mechanisms = Mecanismos
fact-themes = Temas
fact-delivery-languages = Idiomas en que se presta
fact-languages = Idiomas
fact-modalities = Modalidad
fact-quantity = Cantidad
fact-remaining = Queda
fact-commitment = Compromiso
fact-costs = Quién asume cada costo
fact-urgency = Urgencia
fact-evidence = Evidencia
fact-fulfilled-by = Cumplida con
fact-keywords = Palabras clave
fact-origin = Origen
fact-registered-by = Registrado por
fact-direction = Dirección
fact-concluded-on = Celebrado
fact-effective-on = Vigente desde
fact-ends-on = Termina
fact-ended-on = Terminó
fact-review-on = Revisión
fact-renewal = Renovación
fact-notice = Preaviso
fact-prevailing-language = Idioma que prevalece
fact-parent = Bajo el marco
fact-renews = Renueva
fact-convening = Surgió de
fact-came-from = Surgió de
fact-state-by = Llevado a este estado por
fact-refused-by = Rechazado por
fact-left-by = Lo dejó antes de su vigencia
fact-citation = Fuente
fact-documents = Documentos (huellas)
fact-terms-digest = Huella de los términos
fact-licence = Licencia
fact-retracted-by = Retirado por
fact-venue = Sede
fact-format = Formato
fact-standing = Situación
fact-identifiers = Identificadores
fact-office = Oficina
fact-mailbox = Buzón
fact-website = Sitio web
fact-verification = Verificación
fact-verified-how = Comprobada mediante
fact-verified-by = Verificada por
quantity-unlimited = sin límite
agreement-here = Hecho en este registro
agreement-elsewhere = Celebrado en otro lugar y registrado aquí
learning-here = Presentado en este registro
learning-elsewhere = Publicado en otro lugar y registrado aquí
organisation-holder = Actúa aquí por sí misma
organisation-profile = Descrita aquí por terceros; no ha reclamado este perfil
verified-by-itself = ella misma, como primera organización del registro
site-closed = cerrada
word-yes = Sí
word-no = No

column-when = Cuándo
column-what = Qué
column-who = Quién
column-sequence = Secuencia
column-record = Registro
column-grant = Permiso
column-audience = Audiencia
column-agreement = Acuerdo
column-quantity = Cantidad
column-state = Estado
column-organisation = Organización
column-organisations = Organizaciones
column-roles = Papel
column-represents = Representa a
column-signs = Firma
column-vouches = Respaldo
column-since = Desde
column-provider = Da
column-receiver = Recibe
column-due = Plazo
column-source = Origen
column-office = Oficina
column-method = Modo
column-signed-on = Firmado
column-recorded = Registrado
column-outcome = Resultado
column-remarks = Observaciones
column-kind = Tipo
column-facilities = Instalaciones
column-host = Anfitriona
column-name = Nombre
place-withdrawn = código retirado
column-place = Lugar
column-confirmed = Confirmado
column-claimed = Declarado
column-denied = Negado

# Tropiezos
trouble-not-found = Esta página no existe
trouble-bad-request = No se entiende la dirección
trouble-unavailable = Un momento, por favor
trouble-error = Algo salió mal
trouble-board = Ir al tablero
cause-not-found = En esta dirección no hay nada, o no es público.
cause-unavailable = Las páginas se están preparando. Vuelva a intentarlo en unos segundos.
cause-late = Lo que espera no ha llegado todavía a las páginas. Vuelva a intentarlo en unos segundos.
cause-error = No se pudo componer la página. Ha quedado anotado.
cause-query = No se puede leer lo que sigue al signo de interrogación.
cause-sort = No existe ese orden.
cause-date = Una fecha se escribe AAAA-MM-DD y debe existir.
cause-organisation = Una organización se nombra por su identificador.
cause-as-of = Una secuencia es un número entero.
cause-as-of-ahead = Todavía no hay ningún evento con esta secuencia.
cause-cursor = Este cursor no es uno que haya dado una página de aquí.
cause-type = Un tipo de evento es un nombre completo, como org.convenio.offer.published.v1, o un comienzo, como org.convenio.offer.*
cause-subject = Un registro se nombra por su tipo e identificador, como offer/0190….
cause-actor = Quien actúa se nombra como organisation y su identificador, system/clock o system/operator.
cause-grant = Un permiso se nombra con access/ y su identificador.
cause-kind = No existe ese tipo de registro.
cause-cursor-invalid = Ya no se conoce ese lugar de la lista. Empiece por la primera página.
cause-too-many-values = Hay demasiados filtros elegidos a la vez.

# Acerca de
about-lead = Convenio es un registro de la cooperación: quién ofrece qué, quién necesita qué, qué se acordó y qué se aprendió.
about-what-heading = Qué se registra aquí
about-what = Ministerios, universidades, comunidades, redes y socios para el desarrollo registran ofertas, demandas, acuerdos, aprendizajes y los encuentros donde comienzan. Cada registro conserva toda su historia: se puede leer como es y como fue.
about-claimed-heading = Declarado no es confirmado
about-claimed = Lo que una parte sola dice, de sí misma o de otra, queda marcado como «Declarado»; es «Confirmado» cuando otra parte también lo dice. Quien solo registra lo que hacen otros no se cuenta en ninguna parte. Cada parte habla por sí misma, y una negación se muestra tan claramente como una confirmación. «Verificada» significa que alguien más comprobó quién es la organización.
about-proof-heading = Nada se cambia en silencio
about-proof = Cada evento tiene su número en un único orden total y es una hoja de un árbol de Merkle. Cambiar u omitir algo de lo registrado cambia la raíz de ese árbol.
about-not-proven = El árbol no dice que una afirmación sea cierta, ni que no exista otro acuerdo al margen.
about-sample-heading = Datos de ejemplo
about-sample = Lo que lleva la marca «datos de ejemplo» se registró junto con el programa para mostrar cómo funciona. Los hechos sobre organizaciones reales figuran con su fuente y como declaraciones de una organización de ejemplo.
about-programs-heading = Para programas
about-programs = Todo lo que hay en estas páginas está también como datos, con los mismos derechos para todos.
about-events = Todos los eventos
about-ledger-heading = Este registro
about-source = Identidad
about-address = Dirección

# Lo que ocurrió
event-ledger-opened = Registro abierto
event-ledger-settings-changed = Ajustes cambiados
event-ledger-clock-confirmed = Reloj confirmado
event-access-granted = Permiso otorgado
event-access-revoked = Permiso revocado
event-visibility-changed = Visibilidad cambiada
event-organisation-registered = Organización registrada
event-organisation-revised = Organización modificada
event-organisation-identifier-added = Identificador añadido
event-organisation-identifier-withdrawn = Identificador retirado
event-organisation-site-added = Sede añadida
event-organisation-site-closed = Sede cerrada
event-organisation-affiliation-claimed = Afiliación declarada
event-organisation-affiliation-confirmed = Afiliación confirmada
event-organisation-affiliation-ended = Afiliación terminada
event-organisation-verified = Organización verificada
event-organisation-verification-revoked = Verificación revocada
event-organisation-suspended = Organización suspendida
event-organisation-reinstated = Organización restablecida
event-offer-published = Oferta publicada
event-offer-revised = Oferta modificada
event-offer-paused = Oferta en pausa
event-offer-resumed = Oferta reanudada
event-offer-withdrawn = Oferta retirada
event-offer-expired = Oferta vencida
event-offer-fulfilled = Oferta cumplida
event-offer-reserved = Oferta reservada
event-offer-allocated = Oferta asignada
event-offer-released = Oferta liberada
event-demand-published = Demanda publicada
event-demand-revised = Demanda modificada
event-demand-paused = Demanda en pausa
event-demand-resumed = Demanda reanudada
event-demand-withdrawn = Demanda retirada
event-demand-expired = Demanda vencida
event-demand-fulfilled = Demanda cumplida
event-demand-reserved = Demanda reservada
event-demand-allocated = Demanda asignada
event-demand-released = Demanda liberada
event-agreement-drafted = Acuerdo redactado
event-agreement-revised = Borrador modificado
event-agreement-proposed = Acuerdo propuesto
event-agreement-signed = Acuerdo firmado
event-agreement-refused = Acuerdo rechazado
event-agreement-proposal-withdrawn = Propuesta retirada
event-agreement-activated = Acuerdo en vigor
event-agreement-end-reached = Fin del acuerdo alcanzado
event-agreement-completed = Acuerdo completado
event-agreement-terminated = Acuerdo terminado
event-agreement-suspended = Acuerdo suspendido
event-agreement-resumed = Acuerdo reanudado
event-agreement-cancelled = Acuerdo cancelado
event-agreement-registered = Acuerdo registrado
event-agreement-confirmed = Acuerdo confirmado
event-agreement-denied = Acuerdo negado
event-agreement-left = Una parte dejó el acuerdo
event-learning-registered = Aprendizaje registrado
event-learning-submitted = Aprendizaje presentado
event-learning-revised = Aprendizaje modificado
event-learning-screened = Aprendizaje revisado
event-learning-published = Aprendizaje publicado
event-learning-authorship-accepted = Autoría aceptada
event-learning-retracted = Aprendizaje retirado
event-convening-announced = Encuentro anunciado
event-convening-registered = Encuentro registrado
event-convening-participation-confirmed = Participación confirmada
event-convening-session-recorded = Sesión registrada
event-convening-visit-recorded = Visita registrada
event-convening-postponed = Encuentro aplazado
event-convening-held = Encuentro celebrado
event-convening-cancelled = Encuentro cancelado
