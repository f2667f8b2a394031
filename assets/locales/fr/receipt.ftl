# The receipt on paper.

receipt-title = Récépissé de dépôt
receipt-reference = N° de dossier
receipt-deposited-at = Déposé le
receipt-procedure = Objet
receipt-applicant = Demandeur
receipt-depositor = Remis par
receipt-depositor-in-person = Le demandeur en personne
receipt-depositor-applicant = Demandeur
receipt-depositor-architect = Architecte
receipt-depositor-surveyor = Géomètre-topographe
receipt-depositor-other = Autre personne
receipt-ownership = Ce récépissé appartient au demandeur, quel que soit le déposant. Il fait preuve du dépôt : conservez-le.

receipt-deadline = Réponse au plus tard le
receipt-deadline-suspended = Délai suspendu jusqu’à réception des pièces manquantes
receipt-deadline-detail = { $term } à compter du dépôt — { $basis }
receipt-term-working-days = { $category ->
    [one] { $count } jour ouvrable
   *[other] { $count } jours ouvrables
}
receipt-term-calendar-days = { $category ->
    [one] { $count } jour
   *[other] { $count } jours
}
receipt-term-months = { $count } mois

receipt-handed-in = Pièces remises ({ $count })
receipt-missing = Pièces manquantes ({ $count })
receipt-nothing-handed-in = Aucune pièce remise à ce jour

receipt-instructions-lead = Suivez votre dossier depuis votre téléphone, sans compte et sans déplacement
receipt-instructions = Scannez ce code, ou tapez sur le site le numéro et le code :
receipt-site = Site
receipt-code = Code

receipt-channel-phone = Téléphone
receipt-channel-fax = Fax
receipt-channel-portal = Portail
receipt-channel-email = Courriel
receipt-channel-social = Réseaux sociaux
receipt-channel-complaints = Réclamations

receipt-register = Registre public
receipt-log = Registre public des récépissés : inscription { $index }, taille { $size }, empreinte { $root }
receipt-duplicate = DUPLICATA n° { $copy } de ce récépissé, avec le même code.
receipt-replacement = Ce récépissé remplace un récépissé antérieur, dont le code n’est plus valable.
receipt-page = Page { $page } sur { $pages }
receipt-continued = Suite à la page suivante
