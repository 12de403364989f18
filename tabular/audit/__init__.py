"""What a data set of comparisons says: is a reward enough, are its cycles real, what follows."""

from tabular.audit.audit import Audit as Audit
from tabular.audit.audit import Settings as Settings
from tabular.audit.audit import audit as audit
from tabular.audit.votes import Votes as Votes
