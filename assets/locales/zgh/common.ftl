# Words that citizens' pages, staff pages and papers share. Every text of this file still needs a native speaker's review.
# review = true

language-choice = ⵜⵓⵜⵍⴰⵢⵜ
skip = ⴷⴷⵓ ⵖⵔ ⵜⵓⵎⴰⵢⵜ

state-registered = ⵉⵜⵜⵓⵙⵔⵙ
state-incomplete = ⵅⵚⵚⴰⵏⵜ ⵜⵡⵔⵉⵇⵉⵏ
state-in_review = ⴰⵔ ⵉⵜⵜⵓⵣⵔⵔⴰⵡ
state-scheduled = ⵉⵍⵍⴰ ⴳ ⵓⵖⴰⵡⴰⵙ ⵏ ⵜⵙⵇⵇⴰⵎⵓⵜ
state-adjourned = ⵉⵜⵜⵓⵙⵎⴰⵟⵍ
state-decided = ⵜⴼⴼⵖ ⵜⴰⵏⵏⴰⵢⵜ
state-ready = ⵉⵡⵊⴷ ⵉ ⵓⵙⵙⵓⴼⵖ
state-collected = ⵉⵜⵜⵓⴼⴽⴰ
state-withdrawn = ⵉⴼⵍ ⵜ ⴱⴰⴱ ⵏ ⵜⵓⵜⵜⵔⴰ

outcome-favourable = ⵜⴰⵏⵏⴰⵢⵜ ⵙ ⵓⵎⵙⴰⵙⴰ
outcome-favourable_with_reservations = ⵜⴰⵏⵏⴰⵢⵜ ⵙ ⵓⵎⵙⴰⵙⴰ ⴷ ⵜⴼⴰⴷⵉⵡⵉⵏ
outcome-unfavourable = ⵜⴰⵏⵏⴰⵢⵜ ⴱⵍⴰ ⴰⵎⵙⴰⵙⴰ

happening-registered = ⵉⵜⵜⵓⵙⵔⵙ ⵓⵙⴷⴰⵡ
happening-step-entered = ⵉⵣⵔⵉ ⵖⵔ
happening-complement-requested = ⵜⵜⵓⵜⵜⵔⵏⵜ ⵜⵡⵔⵉⵇⵉⵏ ⵢⴰⴹⵏ
happening-complement-received-partly = ⵍⴽⵎⵏⵜ ⴷ ⵉⵎⵉⴽ ⵏ ⵜⵡⵔⵉⵇⵉⵏ
happening-complement-received = ⵍⴽⵎⵏⵜ ⴷ ⵜⵡⵔⵉⵇⵉⵏ ⴰⴽⴽⵯ
happening-commission-scheduled = ⵉⵜⵜⵓⵙⵔⵙ ⴳ ⵓⵖⴰⵡⴰⵙ ⵏ ⵜⵙⵇⵇⴰⵎⵓⵜ
happening-adjourned = ⵉⵜⵜⵓⵙⵎⴰⵟⵍ ⵓⵙⴷⴰⵡ
happening-decided = ⵜⴼⴽⴰ ⵜⵡⴽⴰⵍⵜ ⵜⴰⵏⵏⴰⵢⵜ
happening-ready = ⵉⵡⵊⴷ ⵓⵙⴷⴰⵡ
happening-collected = ⵉⵜⵜⵓⴼⴽⴰ ⵓⵙⴷⴰⵡ
happening-withdrawn = ⵉⴼⵍ ⵜ ⴱⴰⴱ ⵏ ⵜⵓⵜⵜⵔⴰ
happening-extended = ⵉⵏⵏⵓⴼⵍ ⵡⴰⴽⵓⴷ
happening-corrected = ⵉⵜⵜⵓⵙⵖⵜⴰ ⵓⵏⵖⵎⵉⵙ

role-applicant = ⴱⴰⴱ ⵏ ⵜⵓⵜⵜⵔⴰ
role-architect = ⴰⵔⵛⵉⵜⵉⴽⵜ
role-surveyor = ⴰⵎⵙⵖⴰⵍ
role-other = ⵢⴰⵏ ⵢⴰⴹⵏ

weekday-monday = ⴰⵢⵏⴰⵙ
weekday-tuesday = ⴰⵙⵉⵏⴰⵙ
weekday-wednesday = ⴰⴽⵕⴰⵙ
weekday-thursday = ⴰⴽⵡⴰⵙ
weekday-friday = ⴰⵙⵉⵎⵡⴰⵙ
weekday-saturday = ⴰⵙⵉⴹⵢⴰⵙ
weekday-sunday = ⴰⵙⴰⵎⴰⵙ
weekday-range = ⵙⴳ { $from } ⴰⵔ { $to }
hours-range = { $from } – { $to }
colon = { ": " }

channel-phone = ⴰⵜⵉⵍⵉⴼⵓⵏ
channel-fax = ⴰⴼⴰⴽⵙ
channel-portal = ⵜⴰⴳⴳⵓⵔⵜ
channel-email = ⵉⵎⴰⵢⵍ
channel-social = ⵉⵥⴹⵡⴰⵏ ⵉⵏⴰⵎⵓⵏⵏ
channel-complaints = ⵜⵉⵎⵎⴰⵍⴰ
channel-address = ⴰⵏⵙⴰ
channel-hours = ⵜⵉⵙⵔⴰⴳⵉⵏ ⵏ ⵓⵙⵏⵓⴱⴳ

problem-missing = ⵜⵅⵚⵚⴰ ⵜⵖⵓⵔⵉ ⴰⴷ.
problem-unknown = ⵙⵜⵉ ⵢⴰⵏ ⵙⴳ ⵡⵉⵏⵏⴰ ⵉⵍⵍⴰⵏ.
problem-twice = ⵉⵜⵜⵓⴰⵍⵙ ⵓⵢⴰ.
problem-too-long = ⵉⵖⵣⵣⵉⴼ ⴱⴰⵀⵔⴰ. ⵉⵙⴽⴽⵉⵍⵏ: { $max } ⵙ ⵓⴳⴰⵔ.
problem-forbidden = ⵍⵍⴰⵏ ⵉⵙⴽⴽⵉⵍⵏ ⵓⵔ ⵉⵜⵜⵓⵇⴱⵍⵏ.
problem-phone = ⵓⵔ ⵉⵖⵓⴷⴰ ⵓⵟⵟⵓⵏ ⵏ ⵓⵜⵉⵍⵉⴼⵓⵏ. 0612345678.
problem-email = ⵓⵔ ⵉⵖⵓⴷⴰ ⵉⵎⴰⵢⵍ. name@example.ma.
problem-identity = ⵓⵔ ⵉⵖⵓⴷⴰ ⵓⵟⵟⵓⵏ ⵏ ⵜⵎⴰⴳⵉⵜ.
problem-digits = ⴰⵔⴰ ⴽⴽⵓⵥ ⵉⵡⵟⵟⴰⵏ.
