# The auditor's pages: the journal, the keys and the checkpoints.
# review = true

erased-word = données effacées
erased-heading = Les données de ce dossier ont été effacées
erased-text = L’agence a effacé les données de ce dossier le { $on }. Il n’en reste rien à afficher ici.
erased-advice = Votre récépissé est authentique et le dépôt reste inscrit au journal public. Pour toute question, adressez-vous au bureau.
erased-desk-text = Les données de ce dossier ont été effacées le { $on }.
erased-desk-stays = Son numéro et ses inscriptions au journal demeurent, sans leur contenu. On ne peut plus rien y ajouter ni réimprimer son récépissé.

staff-role-desk = guichet
staff-role-manager = responsable
staff-role-auditor = auditeur
staff-not-allowed-title = Votre compte ne le permet pas
staff-not-allowed-text = Rien n’a été enregistré.
staff-not-allowed-role = Rôle de ce compte : { $role }. S’il vous faut un autre droit, adressez-vous à l’administrateur.
