# The receipt on paper. Every text of this file still needs a native speaker's review.
# review = true

receipt-title = ⵜⴰⵎⴰⵜⴰⵔⵜ ⵏ ⵓⵙⵔⵙ
receipt-reference = ⵓⵟⵟⵓⵏ ⵏ ⵓⵙⴷⴰⵡ
receipt-deposited-at = ⴰⵙⴰⴽⵓⴷ ⵏ ⵓⵙⵔⵙ
receipt-procedure = ⴰⵏⴰⵡ ⵏ ⵜⵓⵜⵜⵔⴰ
receipt-applicant = ⴱⴰⴱ ⵏ ⵜⵓⵜⵜⵔⴰ
receipt-depositor = ⵉⵙⵔⵙ ⵜ
receipt-depositor-in-person = ⴱⴰⴱ ⵏ ⵜⵓⵜⵜⵔⴰ ⵙ ⵉⵅⴼ ⵏⵏⵙ
receipt-depositor-applicant = ⴱⴰⴱ ⵏ ⵜⵓⵜⵜⵔⴰ
receipt-depositor-architect = ⴰⵔⵛⵉⵜⵉⴽⵜ
receipt-depositor-surveyor = ⴰⵎⵙⵖⴰⵍ
receipt-depositor-other = ⵢⴰⵏ ⵢⴰⴹⵏ
receipt-ownership = ⵜⴰⵎⴰⵜⴰⵔⵜ ⴰⴷ ⵜⵉⵏ ⴱⴰⴱ ⵏ ⵜⵓⵜⵜⵔⴰ ⴰⵢ ⵜⴳⴰ, ⵎⴽⵏⵏⴰ ⵉⴳⴰ ⵡⴰⵏⵏⴰ ⵉⵙⵔⵙⵏ. ⵏⵜⵜⴰⵜ ⴰⵢ ⵉⴳⴰⵏ ⴰⵏⵣⴰ ⵏ ⵓⵙⵔⵙ: ⵃⴹⵓ ⵜⵜ.

receipt-deadline = ⴰⵙⴰⴽⵓⴷ ⴰⵎⴳⴳⴰⵔⵓ ⵏ ⵜⵎⵔⴰⵔⵓⵜ
receipt-deadline-suspended = ⵉⴱⴷⴷ ⵡⴰⴽⵓⴷ ⴰⵔ ⴰⴷ ⴷ ⴰⵡⴹⵏⵜ ⵜⵡⵔⵉⵇⵉⵏ ⵉⵅⵚⵚⴰⵏ
receipt-deadline-detail = { $term }, ⵙⴳ ⵡⴰⵙⵙ ⵏ ⵓⵙⵔⵙ — { $basis }
receipt-term-working-days = ⵓⵙⵙⴰⵏ ⵏ ⵜⵡⵓⵔⵉ: { $count }
receipt-term-calendar-days = ⵓⵙⵙⴰⵏ: { $count }
receipt-term-months = ⵉⵢⵢⵉⵔⵏ: { $count }

receipt-handed-in = ⵜⵉⵡⵔⵉⵇⵉⵏ ⵉⵜⵜⵓⵙⵔⵙⵏ ({ $count })
receipt-missing = ⵜⵉⵡⵔⵉⵇⵉⵏ ⵉⵅⵚⵚⴰⵏ ({ $count })
receipt-nothing-handed-in = ⵓⵔ ⵜⵜⵓⵙⵔⵙ ⴰⵡⴷ ⵢⴰⵜ ⵜⵡⵔⵉⵇⵜ

receipt-instructions-lead = ⴹⴼⵓⵔ ⴰⵙⴷⴰⵡ ⵏⵏⴽ ⵙ ⵓⵜⵉⵍⵉⴼⵓⵏ, ⴱⵍⴰ ⴰⵎⵉⴹⴰⵏ
receipt-instructions = ⵙⴽⴰⵏⵉ ⵜⴰⵏⴳⴰⵍⵜ ⴰⴷ, ⵏⵖ ⴰⵔⴰ ⴳ ⵓⵙⵉⵜ ⵓⵟⵟⵓⵏ ⴷ ⵜⴰⵏⴳⴰⵍⵜ:
receipt-site = ⴰⵙⵉⵜ
receipt-code = ⵜⴰⵏⴳⴰⵍⵜ

receipt-channel-phone = ⴰⵜⵉⵍⵉⴼⵓⵏ
receipt-channel-fax = ⴰⴼⴰⴽⵙ
receipt-channel-portal = ⵜⴰⴳⴳⵓⵔⵜ
receipt-channel-email = ⵉⵎⴰⵢⵍ
receipt-channel-social = ⵉⵥⴹⵡⴰⵏ ⵉⵏⴰⵎⵓⵏⵏ
receipt-channel-complaints = ⵜⵉⵎⵎⴰⵍⴰ

receipt-register = ⴰⵏⵖⵎⵉⵙ ⴰⵣⴰⵢⴰⵣ
receipt-log = ⴰⵏⵖⵎⵉⵙ ⴰⵣⴰⵢⴰⵣ ⵏ ⵜⵎⴰⵜⴰⵔⵉⵏ: ⴰⵣⵎⵎⴻⵎ { $index }, ⵜⵉⴷⴷⵉ { $size }, ⴰⴷⵔⵉⵣ { $root }
receipt-duplicate = ⵜⵓⵏⵖⵉⵍⵜ { $copy } ⵏ ⵜⵎⴰⵜⴰⵔⵜ ⴰⴷ (DUPLICATA), ⵙ ⵢⴰⵜ ⵜⴰⵏⴳⴰⵍⵜ.
receipt-replacement = ⵜⴰⵎⴰⵜⴰⵔⵜ ⴰⴷ ⵜⵓⵙⵉ ⴰⵙⴰ ⵏ ⵢⴰⵜ ⵢⴰⴹⵏ, ⵓⵔ ⵙⵓⵍ ⵜⵓⵎⵔⵉ ⵜⴰⵏⴳⴰⵍⵜ ⵏⵏⵙ.
receipt-page = ⵜⴰⵙⵏⴰ { $page } ⵙⴳ { $pages }
receipt-continued = ⴰⵎⴰⴽⵎⴰⵍ ⴳ ⵜⴰⵙⵏⴰ ⵉⴹⴼⴰⵔⵏ
