# Words that citizens' pages, staff pages and papers share.

language-choice = Language
skip = Skip to content

state-registered = Received
state-incomplete = Documents missing
state-in_review = Under review
state-scheduled = On the committee’s agenda
state-adjourned = Adjourned
state-decided = Opinion given
state-ready = Ready to collect
state-collected = Handed over
state-withdrawn = Withdrawn by the applicant

outcome-favourable = Favourable opinion
outcome-favourable_with_reservations = Favourable opinion with reservations
outcome-unfavourable = Unfavourable opinion

happening-registered = File handed in
happening-step-entered = Moved on to
happening-complement-requested = More documents requested
happening-complement-received-partly = Some of the requested documents received
happening-complement-received = All requested documents received
happening-commission-scheduled = File put on the committee’s agenda
happening-adjourned = File adjourned
happening-decided = The agency gave its opinion
happening-ready = File ready to collect
happening-collected = File handed over
happening-withdrawn = Request withdrawn by the applicant
happening-extended = Time limit extended
happening-corrected = Record corrected

role-applicant = Applicant
role-architect = Architect
role-surveyor = Surveyor
role-other = Another person

weekday-monday = Monday
weekday-tuesday = Tuesday
weekday-wednesday = Wednesday
weekday-thursday = Thursday
weekday-friday = Friday
weekday-saturday = Saturday
weekday-sunday = Sunday
weekday-range = { $from } to { $to }
hours-range = { $from } – { $to }
colon = { ": " }

channel-phone = Telephone
channel-fax = Fax
channel-portal = Portal
channel-email = E-mail
channel-social = Social media
channel-complaints = Complaints platform
channel-address = Address
channel-hours = Opening hours

problem-missing = This field is required.
problem-unknown = Choose one of the values offered.
problem-twice = This value was given twice.
problem-too-long = Too long: at most { $max } characters.
problem-forbidden = The text has characters that are not accepted.
problem-phone = This is not a telephone number. Example: 0612345678.
problem-email = This is not an e-mail address. Example: name@example.ma.
problem-identity = This is not an identity number: Latin letters and digits only.
problem-digits = Type four digits.
