# The auditor's pages: the journal, the keys and the checkpoints.

erased-word = data erased
erased-heading = The data of this dossier were erased
erased-text = The agency erased the data of this dossier on { $on }. Nothing of them is left to be shown here.
erased-advice = Your receipt is genuine, and the deposit stays recorded in the public log. If you have a question, ask the office.
erased-desk-text = The data of this dossier were erased on { $on }.
erased-desk-stays = Its number and its entries in the log stay, without their contents. Nothing can be added to it, and its receipt cannot be printed any more.

staff-role-desk = desk
staff-role-manager = manager
staff-role-auditor = auditor
staff-not-allowed-title = Your account may not do this
staff-not-allowed-text = Nothing was recorded.
staff-not-allowed-role = The role of this account: { $role }. If you need another right, ask the administrator.
