# The auditor's pages: the journal, the keys and the checkpoints.
# review = true

erased-word = محيت معطياته
erased-heading = محيت معطيات هذا الملف
erased-text = محت الوكالة معطيات هذا الملف يوم { $on }، ولم يبق منها شيء يُعرض هنا.
erased-advice = وصلكم صحيح، ويبقى تسجيل الإيداع مثبتا في السجل العمومي. لكل سؤال، اتصلوا بالمكتب.
erased-desk-text = محيت معطيات هذا الملف يوم { $on }.
erased-desk-stays = بقي رقمه وقيوده في السجل، دون مضمونها. لا يمكن إضافة أي شيء إليه ولا طبع وصله.

staff-role-desk = مكتب الاستقبال
staff-role-manager = مسؤول
staff-role-auditor = مراقب
staff-not-allowed-title = هذا ليس من صلاحيات حسابكم
staff-not-allowed-text = لم يُسجَّل أي شيء.
staff-not-allowed-role = صفة هذا الحساب: { $role }. إذا احتجتم إلى صلاحية أخرى، فاتصلوا بالمسؤول عن النظام.
