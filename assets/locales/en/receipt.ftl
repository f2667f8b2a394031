# The receipt on paper.

receipt-title = Receipt of deposit
receipt-reference = File number
receipt-deposited-at = Deposited on
receipt-procedure = Subject
receipt-applicant = Applicant
receipt-depositor = Handed in by
receipt-depositor-in-person = The applicant in person
receipt-depositor-applicant = Applicant
receipt-depositor-architect = Architect
receipt-depositor-surveyor = Surveyor
receipt-depositor-other = Another person
receipt-ownership = This receipt belongs to the applicant, whoever handed in the file. It is proof of the deposit: keep it.

receipt-deadline = Answer due by
receipt-deadline-suspended = Time limit suspended until the missing documents are received
receipt-deadline-detail = { $term } from the day of deposit — { $basis }
receipt-term-working-days = { $category ->
    [one] { $count } working day
   *[other] { $count } working days
}
receipt-term-calendar-days = { $category ->
    [one] { $count } day
   *[other] { $count } days
}
receipt-term-months = { $category ->
    [one] { $count } month
   *[other] { $count } months
}

receipt-handed-in = Documents handed in ({ $count })
receipt-missing = Missing documents ({ $count })
receipt-nothing-handed-in = No document handed in so far

receipt-instructions-lead = Follow your file from your phone, without an account or a journey
receipt-instructions = Scan this code, or type the number and the code on the website:
receipt-site = Website
receipt-code = Code

receipt-channel-phone = Telephone
receipt-channel-fax = Fax
receipt-channel-portal = Portal
receipt-channel-email = E-mail
receipt-channel-social = Social media
receipt-channel-complaints = Complaints

receipt-register = Public register
receipt-log = Public register of receipts: entry { $index }, size { $size }, fingerprint { $root }
receipt-duplicate = DUPLICATE No. { $copy } of this receipt (DUPLICATA), with the same code.
receipt-replacement = This receipt replaces an earlier one, whose code is no longer valid.
receipt-page = Page { $page } of { $pages }
receipt-continued = Continued on the next page
