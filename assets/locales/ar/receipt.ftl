# The receipt on paper.
# review = true

receipt-title = وصل إيداع
receipt-reference = رقم الملف
receipt-deposited-at = تاريخ الإيداع
receipt-procedure = نوع الطلب
receipt-applicant = صاحب الطلب
receipt-depositor = أودعه
receipt-depositor-in-person = صاحب الطلب شخصيا
receipt-depositor-applicant = صاحب الطلب
receipt-depositor-architect = مهندس معماري
receipt-depositor-surveyor = مهندس مساح طبوغراف
receipt-depositor-other = شخص آخر
receipt-ownership = هذا الوصل ملك لصاحب الطلب أيا كان المودع، وهو حجة على الإيداع، فاحتفظوا به.

receipt-deadline = آخر أجل للجواب
receipt-deadline-suspended = الأجل موقوف إلى حين استكمال الوثائق
receipt-deadline-detail = { $term } من تاريخ الإيداع — { $basis }
receipt-term-working-days = { $category ->
    [one] يوم عمل واحد
    [two] يوما عمل
    [few] { $count } أيام عمل
   *[other] { $count } يوم عمل
}
receipt-term-calendar-days = { $category ->
    [one] يوم واحد
    [two] يومان
    [few] { $count } أيام
   *[other] { $count } يوما
}
receipt-term-months = { $category ->
    [one] شهر واحد
    [two] شهران
    [few] { $count } أشهر
   *[other] { $count } شهرا
}

receipt-handed-in = الوثائق المسلمة ({ $count })
receipt-missing = الوثائق الناقصة ({ $count })
receipt-nothing-handed-in = لم تسلم أي وثيقة بعد

receipt-instructions-lead = تتبعوا ملفكم بهاتفكم، دون حساب ودون تنقل
receipt-instructions = امسحوا هذا الرمز، أو اكتبوا في الموقع رقم الملف والرمز:
receipt-site = الموقع
receipt-code = الرمز

receipt-channel-phone = الهاتف
receipt-channel-fax = الفاكس
receipt-channel-portal = البوابة الإلكترونية
receipt-channel-email = البريد الإلكتروني
receipt-channel-social = التواصل الاجتماعي
receipt-channel-complaints = منصة الشكايات

receipt-register = السجل العمومي
receipt-log = السجل العمومي للوصولات: القيد { $index }، الحجم { $size }، البصمة { $root }
receipt-duplicate = نسخة رقم { $copy } من هذا الوصل (DUPLICATA)، تحمل الرمز نفسه.
receipt-replacement = هذا الوصل يعوض وصلا سابقا لم يعد رمزه صالحا.
receipt-page = الصفحة { $page } من { $pages }
receipt-continued = البقية في الصفحة الموالية
