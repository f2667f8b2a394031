# The auditor's pages: the journal, the keys and the checkpoints.
# review = true

erased-word = ⵜⵜⵓⵙⴼⴹⵏⵜ ⵜⵉⵏⴼⴰⵍⵉⵏ ⵏⵏⵙ
erased-heading = ⵜⵜⵓⵙⴼⴹⵏⵜ ⵜⵉⵏⴼⴰⵍⵉⵏ ⵏ ⵓⴼⵜⴰⵙ ⴰⴷ
erased-text = ⵜⵙⴼⴹ ⵜⵡⴽⴰⵍⵜ ⵜⵉⵏⴼⴰⵍⵉⵏ ⵏ ⵓⴼⵜⴰⵙ ⴰⴷ ⴰⵙⵙ ⵏ { $on }. ⵓⵔ ⵙⵓⵍ ⵜⵇⵇⵉⵎ ⴽⵔⴰ ⵉ ⵓⵙⵎⵎⵍ ⴷⴰ.
erased-advice = ⵜⵖⵓⴷⴰ ⵜⵎⴰⵜⴰⵔⵜ ⵏⵏⵓⵏ, ⵉⵇⵇⵉⵎ ⵓⵙⵔⵙ ⵉⵜⵜⵓⵣⵎⵎⴻⵎ ⴳ ⵓⵖⵎⵉⵙ ⴰⴳⴷⵓⴷⴰⵏ. ⵎⴽ ⵜⵍⵍⴰ ⵜⵙⵇⵙⵉⵜ, ⵙⵇⵙⴰⵜ ⴰⵙⵉⵔⴰ.
erased-desk-text = ⵜⵜⵓⵙⴼⴹⵏⵜ ⵜⵉⵏⴼⴰⵍⵉⵏ ⵏ ⵓⴼⵜⴰⵙ ⴰⴷ ⴰⵙⵙ ⵏ { $on }.
erased-desk-stays = ⵇⵇⵉⵎⵏ ⵡⵓⵟⵟⵓⵏ ⵏⵏⵙ ⴷ ⵉⵣⵎⵎⵉⵎⵏ ⵏⵏⵙ ⴳ ⵓⵖⵎⵉⵙ, ⴱⵍⴰ ⴰⴳⴱⵓⵔ. ⵓⵔ ⵙⵓⵍ ⵉⵎⴽⵉⵏ ⴰⴷ ⴰⵙ ⵉⵜⵜⵓⵔⵏⵓ ⴽⵔⴰ, ⵓⵍⴰ ⴰⴷ ⵜⵜⵓⵙⵉⴳⴳⵣ ⵜⵎⴰⵜⴰⵔⵜ ⵏⵏⵙ.

staff-role-desk = ⴰⵙⴷⴰⵡ
staff-role-manager = ⴰⵎⵙⵙⵓⴷⵙ
staff-role-auditor = ⴰⵎⵙⵏⴰⴷⵉ
staff-not-allowed-title = ⵓⵔ ⵉⵙⵙⵉⵔⵉⴳ ⵓⵎⵉⴹⴰⵏ ⵏⵏⵓⵏ ⴰⵢⴰ
staff-not-allowed-text = ⵓⵔ ⵉⵜⵜⵓⵣⵎⵎⴻⵎ ⴰⵡⴷ ⵢⴰⵏ.
staff-not-allowed-role = ⵜⴰⵡⵓⵔⵉ ⵏ ⵓⵎⵉⴹⴰⵏ ⴰⴷ: { $role }. ⵎⴽ ⵜⵔⴰⵎ ⵜⴰⵙⵉⵔⴳⵜ ⵢⴰⴹⵏ, ⵉⵏⵉⵜ ⵜ ⵉ ⵓⵏⴱⴷⴰⴷ.
