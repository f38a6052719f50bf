"""Application: what is deployed, from where, to where, and by which rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Struct, field

from trimtab.api.meta import Condition, Duration, KeyRef, Name, ObjectMeta, RepositoryPath, Text, doc
from trimtab.api.repository import RepositoryRef

KIND = "Application"
PLURAL = "applications"

Values = dict[str, Any]


class FileRef(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Names a file of a repository."""

    path: Annotated[RepositoryPath, doc("The file, from the repository's root.")]
    repository_ref: Annotated[RepositoryRef | None, doc("Another Repository than the source's own.")] = None
    optional: Annotated[bool, doc("Whether its absence is no error.")] = False


class ValuesFrom(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One document of Helm values; exactly one of the references."""

    file_ref: Annotated[FileRef | None, doc("A file of a repository.")] = None
    config_map_key_ref: Annotated[KeyRef | None, doc("A key of a ConfigMap in this namespace.")] = None
    secret_key_ref: Annotated[KeyRef | None, doc("A key of a Secret in this namespace.")] = None


class Helm(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Parameters of a Helm chart. Later ones win: valueFiles, valuesFrom, values."""

    release_name: Annotated[str, doc("Default: the Application's name.", max_length=53)] = ""
    value_files: Annotated[list[RepositoryPath], doc("Files beside the chart, in order.", max_length=64)] = field(default_factory=list)
    values_from: Annotated[list[ValuesFrom], doc("Values from elsewhere, in order.", max_length=64)] = field(default_factory=list)
    values: Annotated[Values, doc("Values written here; they win.")] = field(default_factory=dict)
    crds: Annotated[Literal["Include", "Skip"], doc("What is done with the chart's crds/ folder.")] = "Include"
    skip_schema_validation: Annotated[bool, doc("Whether values.schema.json is left out.")] = False


class Replica(Struct, frozen=True):
    """A replica count for a workload, as Kustomize's `replicas` field."""

    name: Name
    count: Annotated[int, doc("How many.", ge=0, le=1_000_000)]


class PatchTarget(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Which objects a Kustomize patch is for."""

    group: Text = ""
    version: Text = ""
    kind: Text = ""
    name: Text = ""
    namespace: Text = ""
    label_selector: Text = ""
    annotation_selector: Text = ""


class Patch(Struct, frozen=True, omit_defaults=True):
    """A Kustomize patch, strategic merge or JSON 6902."""

    patch: Annotated[str, doc("The patch as YAML.", max_length=65536)]
    target: Annotated[PatchTarget | None, doc("Which objects; a strategic-merge patch may name it itself.")] = None


class Kustomize(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Parameters laid over a kustomization, with Kustomize's own meaning."""

    images: Annotated[list[Text], doc("`name=new:tag`, `name:tag` or `name@digest`.", max_length=256)] = field(default_factory=list)
    patches: Annotated[list[Patch], doc("Patches.", max_length=64)] = field(default_factory=list)
    name_prefix: Text = ""
    name_suffix: Text = ""
    namespace: Annotated[str, doc("Namespace for all objects.", max_length=63)] = ""
    labels: Annotated[dict[str, str], doc("Labels for all objects; selectors stay.")] = field(default_factory=dict)
    annotations: Annotated[dict[str, str], doc("Annotations for all objects.")] = field(default_factory=dict)
    replicas: Annotated[list[Replica], doc("Replica counts.", max_length=256)] = field(default_factory=list)
    components: Annotated[list[RepositoryPath], doc("Components to add.", max_length=64)] = field(default_factory=list)


class Jsonnet(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Parameters of a Jsonnet file."""

    file: Annotated[RepositoryPath, doc("The entry file. Default: main.jsonnet, or the only *.jsonnet file.")] = ""
    ext_str: Annotated[dict[str, str], doc("External variables, strings.")] = field(default_factory=dict)
    ext_code: Annotated[dict[str, str], doc("External variables, Jsonnet code.")] = field(default_factory=dict)
    tla_str: Annotated[dict[str, str], doc("Top-level arguments, strings.")] = field(default_factory=dict)
    tla_code: Annotated[dict[str, str], doc("Top-level arguments, Jsonnet code.")] = field(default_factory=dict)
    library_paths: Annotated[list[RepositoryPath], doc("Library folders.", max_length=32)] = field(default_factory=list)


class Directory(Struct, frozen=True, omit_defaults=True):
    """Parameters of a folder of plain manifests."""

    recurse: Annotated[bool, doc("Whether subfolders are read.")] = False
    include: Annotated[str, doc("Only files that match this glob (`{a,b}` for several).", max_length=1024)] = ""
    exclude: Annotated[str, doc("No files that match this glob.", max_length=1024)] = ""


class Source(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One part of what is deployed."""

    repository_ref: Annotated[RepositoryRef, doc("The Repository it is in.")]
    path: Annotated[RepositoryPath, doc("The folder, from the repository's root; empty for the root.")] = ""
    name: Annotated[str, doc("A name for messages; needed when there are several.", max_length=63)] = ""
    kind: Annotated[
        Literal["Auto", "Plain", "Kustomize", "Helm", "Jsonnet"],
        doc("How it is rendered. Auto: Chart.yaml, kustomization.yaml or a Jsonnet entry file decide; otherwise plain."),
    ] = "Auto"
    helm: Annotated[Helm | None, doc("Parameters of a Helm chart.")] = None
    kustomize: Annotated[Kustomize | None, doc("Parameters laid over a kustomization.")] = None
    jsonnet: Annotated[Jsonnet | None, doc("Parameters of a Jsonnet file.")] = None
    directory: Annotated[Directory | None, doc("Parameters of a folder of plain manifests.")] = None


class Destination(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Where objects go that do not say so themselves."""

    namespace: Annotated[str, doc("For objects without a namespace. Default: the Application's. Never overrides.", max_length=63)] = ""
    create_namespace: Annotated[bool, doc("Whether the namespace is made, as an owned object.")] = False


class PruneBudget(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A push that would delete more than both bounds is refused until someone approves it."""

    max_percent: Annotated[int, doc("Percent of the inventory.", ge=0, le=100)] = 50
    min_objects: Annotated[int, doc("Number of objects.", ge=0, le=1_000_000)] = 10


class Prune(Struct, frozen=True, omit_defaults=True):
    """What happens to objects that Git no longer names."""

    enabled: Annotated[bool, doc("Whether they are deleted; otherwise they are kept and named.")] = True
    budget: Annotated[PruneBudget, doc("How many may go without approval.")] = PruneBudget()


class Suspension(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A pause is a lease: why, by whom, until when."""

    reason: Annotated[str, doc("Why.", max_length=1024)] = ""
    by: Annotated[str, doc("Who.", max_length=253)] = ""
    until: Annotated[str, doc("When it ends by itself (RFC 3339).", max_length=64)] | None = None


class Sync(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """How Git becomes the cluster."""

    mode: Annotated[Literal["Auto", "Manual"], doc("Auto acts at once; Manual waits until a plan is approved.")] = "Auto"
    prune: Annotated[Prune, doc("What happens to objects that Git no longer names.")] = Prune()
    on_failure: Annotated[
        Literal["Hold", "Rollback"],
        doc("When health fails: Hold keeps the failed version live and does not try it again; Rollback applies the last good one."),
    ] = "Hold"


class DriftRule(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What to do about differences in certain fields."""

    target: Annotated[PatchTarget, doc("Which objects; empty for all.")] = PatchTarget()
    json_pointers: Annotated[list[Text], doc("RFC 6901 pointers; empty for the whole object.", max_length=64)] = field(default_factory=list)
    action: Annotated[
        Literal["Correct", "Report", "Ignore"],
        doc("Correct puts it back; Report says so; Ignore leaves the field out of the apply, too."),
    ] = "Correct"
    reason: Annotated[str, doc("Why.", max_length=1024)] = ""


class HealthSpec(Struct, frozen=True, omit_defaults=True):
    """How long health is awaited."""

    timeout: Annotated[Duration, doc("After that the version counts as failed.")] = "5m"


class ApplicationSpec(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What is wanted of an Application."""

    sources: Annotated[list[Source], doc("What is deployed; several become one set of objects.", min_length=1, max_length=32)]
    destination: Annotated[Destination, doc("Where objects go that do not say so themselves.")] = Destination()
    sync: Annotated[Sync, doc("How Git becomes the cluster.")] = Sync()
    drift_rules: Annotated[list[DriftRule], doc("What to do about differences; the first that matches rules.", max_length=128)] = field(
        default_factory=list
    )
    health: Annotated[HealthSpec, doc("How long health is awaited.")] = HealthSpec()
    suspend: Annotated[Suspension | None, doc("Nothing is written while this stands.")] = None
    deletion_policy: Annotated[
        Literal["Delete", "Orphan"], doc("What happens to the objects when the Application is deleted; data-bearing ones are kept.")
    ] = "Delete"


class SyncedSource(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The revision of one source at the last change of this application."""

    repository: str = ""
    name: str = ""
    commit: str = ""
    path: str = ""


class PlanStatus(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The last plan in a few numbers; `trimtab plan` shows it whole."""

    digest: str = ""
    create: int = 0
    change: int = 0
    delete: int = 0
    refused: str = ""


class Counts(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Objects by state."""

    objects: int = 0
    healthy: int = 0
    drifted: int = 0


class HistoryEntry(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One deployment, newest first."""

    time: str = ""
    revision: str = ""
    commit: str = ""
    render_key: str = ""
    plan: str = ""
    outcome: str = ""
    by: str = ""


class ApplicationStatus(Struct, omit_defaults=True, rename="camel"):
    """What was seen of an Application: conditions, counts, digests; never bodies."""

    observed_generation: int = 0
    synced: Annotated[str, doc("Equal, Drifted, Waiting, Syncing, Failed, Refused, Suspended or Unknown.", max_length=32)] = ""
    health: Annotated[str, doc("Healthy, Progressing, Degraded, Suspended, Missing or Unknown.", max_length=32)] = ""
    message: Annotated[str, doc("One sentence: what it waits for, or what is wrong.", max_length=1024)] = ""
    sources: Annotated[list[SyncedSource], doc("What it was rendered from.", max_length=32)] = field(default_factory=list)
    render_key: Annotated[str, doc("Content address of the render in force.", max_length=64)] = ""
    inventory_digest: Annotated[str, doc("Digest over the inventory as it was after the last apply.", max_length=64)] = ""
    plan: Annotated[PlanStatus, doc("The last plan.")] = PlanStatus()
    counts: Annotated[Counts, doc("Objects by state.")] = Counts()
    quarantined: Annotated[list[str], doc("Render keys that failed and are not tried again.", max_length=10)] = field(default_factory=list)
    pinned: Annotated[str, doc("The commit that a rollback holds, until resume or a different render.", max_length=64)] = ""
    history: Annotated[list[HistoryEntry], doc("The last ten deployments, newest first.", max_length=10)] = field(default_factory=list)
    handled: Annotated[str, doc("The last request (`trimtab.dev/requested`) that was carried out.", max_length=256)] = ""
    conditions: Annotated[list[Condition], doc("Ready, Reconciling, Stalled.", max_length=16)] = field(default_factory=list)


class Application(Struct, omit_defaults=True, rename="camel"):
    """What is deployed, from where, to where, and by which rules."""

    metadata: ObjectMeta
    spec: ApplicationSpec
    status: ApplicationStatus = field(default_factory=ApplicationStatus)
    api_version: str = "trimtab.dev/v1alpha1"
    kind: str = KIND

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.metadata.namespace}/{self.metadata.name}"
