# Words that citizens' pages, staff pages and papers share.

language-choice = Langue
skip = Aller au contenu

state-registered = Déposé
state-incomplete = À compléter
state-in_review = En cours d’étude
state-scheduled = Inscrit en commission
state-adjourned = Ajourné
state-decided = Avis rendu
state-ready = Prêt à retirer
state-collected = Remis
state-withdrawn = Abandonné par le demandeur

outcome-favourable = Avis favorable
outcome-favourable_with_reservations = Avis favorable avec réserves
outcome-unfavourable = Avis défavorable

happening-registered = Dossier déposé
happening-step-entered = Passage à l’étape
happening-complement-requested = Pièces complémentaires demandées
happening-complement-received-partly = Une partie des pièces demandées a été reçue
happening-complement-received = Toutes les pièces demandées ont été reçues
happening-commission-scheduled = Dossier inscrit en commission
happening-adjourned = Dossier ajourné
happening-decided = Avis de l’agence rendu
happening-ready = Dossier prêt à retirer
happening-collected = Dossier remis
happening-withdrawn = Demande abandonnée par le demandeur
happening-extended = Délai prolongé
happening-corrected = Rectification au registre

role-applicant = Demandeur
role-architect = Architecte
role-surveyor = Géomètre-topographe
role-other = Autre personne

weekday-monday = lundi
weekday-tuesday = mardi
weekday-wednesday = mercredi
weekday-thursday = jeudi
weekday-friday = vendredi
weekday-saturday = samedi
weekday-sunday = dimanche
weekday-range = du { $from } au { $to }
hours-range = de { $from } à { $to }
colon = { " : " }

channel-phone = Téléphone
channel-fax = Fax
channel-portal = Portail
channel-email = Courriel
channel-social = Réseaux sociaux
channel-complaints = Plateforme de réclamations
channel-address = Adresse
channel-hours = Heures d’accueil

problem-missing = Ce champ est nécessaire.
problem-unknown = Choisissez l’une des valeurs proposées.
problem-twice = Cette valeur est donnée deux fois.
problem-too-long = Texte trop long : { $max } caractères au plus.
problem-forbidden = Le texte contient des caractères qui ne sont pas acceptés.
problem-phone = Numéro de téléphone incorrect. Exemple : 0612345678.
problem-email = Adresse électronique incorrecte. Exemple : nom@exemple.ma.
problem-identity = Numéro d’identité incorrect : lettres latines et chiffres seulement.
problem-digits = Tapez quatre chiffres.
