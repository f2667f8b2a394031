# Words that citizens' pages, staff pages and papers share.
# review = true

language-choice = اللغة
skip = الانتقال إلى المحتوى

state-registered = مودع
state-incomplete = ينقصه وثائق
state-in_review = قيد الدراسة
state-scheduled = مبرمج في اللجنة
state-adjourned = مؤجل
state-decided = صدر الرأي
state-ready = جاهز للسحب
state-collected = تم التسليم
state-withdrawn = تنازل صاحب الطلب

outcome-favourable = رأي بالموافقة
outcome-favourable_with_reservations = رأي بالموافقة مع تحفظات
outcome-unfavourable = رأي بعدم الموافقة

happening-registered = إيداع الملف
happening-step-entered = الانتقال إلى مرحلة
happening-complement-requested = طلب وثائق تكميلية
happening-complement-received-partly = توصلنا بجزء من الوثائق المطلوبة
happening-complement-received = توصلنا بالوثائق المطلوبة كاملة
happening-commission-scheduled = برمجة الملف في اللجنة
happening-adjourned = تأجيل الملف
happening-decided = صدور رأي الوكالة
happening-ready = الملف جاهز للسحب
happening-collected = تسليم الملف
happening-withdrawn = تنازل صاحب الطلب
happening-extended = تمديد الأجل
happening-corrected = تصحيح في السجل

role-applicant = صاحب الطلب
role-architect = مهندس معماري
role-surveyor = مهندس مساح طبوغراف
role-other = شخص آخر

weekday-monday = الإثنين
weekday-tuesday = الثلاثاء
weekday-wednesday = الأربعاء
weekday-thursday = الخميس
weekday-friday = الجمعة
weekday-saturday = السبت
weekday-sunday = الأحد
weekday-range = من { $from } إلى { $to }
hours-range = من { $from } إلى { $to }
colon = { ": " }

channel-phone = الهاتف
channel-fax = الفاكس
channel-portal = البوابة الإلكترونية
channel-email = البريد الإلكتروني
channel-social = شبكات التواصل
channel-complaints = منصة الشكايات
channel-address = العنوان
channel-hours = أوقات الاستقبال

problem-missing = هذه الخانة ضرورية.
problem-unknown = اختاروا إحدى القيم المقترحة.
problem-twice = هذه القيمة مكررة.
problem-too-long = النص طويل جدا: { $max } حرف على الأكثر.
problem-forbidden = يحتوي النص على رموز غير مقبولة.
problem-phone = رقم الهاتف غير صحيح. مثال: 0612345678.
problem-email = عنوان البريد الإلكتروني غير صحيح. مثال: nom@exemple.ma.
problem-identity = رقم التعريف غير صحيح: حروف لاتينية وأرقام فقط.
problem-digits = اكتبوا أربعة أرقام.
