"""The tables that are known by their columns: which of them are labels, which are categories, which to leave.

Sources: KDD Cup 1999 and its list of attacks; NSL-KDD, Tavallaee et al. 2009, CISDA, whose test file has
seventeen attacks more, in the families of the KDD Cup's test data; UNSW-NB15, Moustafa and Slay 2015, MilCIS;
CICIDS2017, Sharafaldin et al. 2018, ICISSP.
"""

from dataclasses import dataclass, replace

from gradus.data.rows import Table

_KDD = (
    "duration protocol_type service flag src_bytes dst_bytes land wrong_fragment urgent hot "
    "num_failed_logins logged_in num_compromised root_shell su_attempted num_root num_file_creations "
    "num_shells num_access_files num_outbound_cmds is_host_login is_guest_login count srv_count serror_rate "
    "srv_serror_rate rerror_rate srv_rerror_rate same_srv_rate diff_srv_rate srv_diff_host_rate "
    "dst_host_count dst_host_srv_count dst_host_same_srv_rate dst_host_diff_srv_rate "
    "dst_host_same_src_port_rate dst_host_srv_diff_host_rate dst_host_serror_rate dst_host_srv_serror_rate "
    "dst_host_rerror_rate dst_host_srv_rerror_rate attack difficulty"
)
KDD_COLUMNS = tuple(_KDD.split())
KDD_WIDTHS = (41, 42, 43)  # features alone, with the attack (KDD Cup), with its difficulty as well (NSL-KDD)
PROTOCOLS = ("tcp", "udp", "icmp")
_KDD_ATTACKS = {
    "dos": "apache2 back land mailbomb neptune pod processtable smurf teardrop udpstorm worm",
    "probe": "ipsweep mscan nmap portsweep saint satan",
    "r2l": "ftp_write guess_passwd httptunnel imap multihop named phf sendmail snmpgetattack snmpguess spy "
    "warezclient warezmaster xlock xsnoop",
    "u2r": "buffer_overflow loadmodule perl ps rootkit sqlattack xterm",
}
KDD_FAMILIES = {attack: family for family, attacks in _KDD_ATTACKS.items() for attack in attacks.split()}
LABELS = ("label", "class", "attack", "anomaly", "is_anomaly", "outlier")


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """What is known of a table before a value is looked at."""

    name: str
    label: str | None = None
    """The column that says what a row is."""
    categories: tuple[str, ...] = ()
    """Columns whose values are names, also where these are numbers."""
    left_out: tuple[str, ...] = ()
    """Columns that name a row, or tell the answer."""


def recognise(table: Table) -> tuple[Table, Format]:
    """A table with its columns' names, and what is known of them."""
    if is_kdd(table):
        names = KDD_COLUMNS[: len(table.columns)]
        renamed = table.cells.rename(dict(zip(table.columns, names, strict=True)))
        named = replace(table, columns=names, cells=renamed)
        label = "attack" if "attack" in names else None
        left_out = ("difficulty",) if "difficulty" in names else ()
        kind = Format(name="KDD", label=label, categories=KDD_COLUMNS[1:4], left_out=left_out)
        return named, kind
    by_lower = {name.lower(): name for name in table.columns}
    if {"attack_cat", "label"} <= by_lower.keys():
        tells = tuple(by_lower[name] for name in ("id", "label") if name in by_lower)
        return table, Format(name="UNSW-NB15", label=by_lower["attack_cat"], left_out=tells)
    if {"flow duration", "label"} <= by_lower.keys():
        names = ("flow id", "source ip", "src ip", "source port", "src port", "destination ip", "dst ip")
        tells = tuple(by_lower[name] for name in (*names, "timestamp") if name in by_lower)
        return table, Format(name="CICIDS", label=by_lower["label"], left_out=tells)
    tells = [by_lower[name] for name in LABELS if name in by_lower]
    return table, Format(name="plain", label=tells[0] if tells else None, left_out=tuple(tells[1:]))


def is_kdd(table: Table) -> bool:
    """Whether a table without a header is one of the KDD Cup or NSL-KDD."""
    unnamed = table.columns[0] == "column 1"
    return unnamed and len(table.columns) in KDD_WIDTHS and table.texts("column 2")[0] in PROTOCOLS


def family_of(attack: str) -> str:
    """The family of a KDD attack; any other label is a family of its own."""
    return KDD_FAMILIES.get(attack, attack)
