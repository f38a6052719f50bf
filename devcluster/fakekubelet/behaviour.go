package fakekubelet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Prefix begins every annotation that steers a fake pod.
const Prefix = "dev.trimtab.dev/"

const (
	crashLoop     = "CrashLoopBackOff"
	configError   = "CreateContainerConfigError"
	defaultRun    = 200 * time.Millisecond // how long a container runs that is to end
	firstBackOff  = 10 * time.Second       // the kubelet's; it doubles with each restart …
	longestFactor = 30                     // … up to five minutes
)

// pullReasons are the waiting reasons of a container that never starts, and what the kubelet would say.
var pullReasons = map[string]string{
	"ImagePullBackOff": "Back-off pulling image %q",
	"ErrImagePull":     "failed to pull and unpack image %q: not found",
	configError:        "the configuration of a container of image %q is missing",
}

// Behaviour is what the annotations of a pod say of its containers.
type Behaviour struct {
	ReadyAfter time.Duration // from the start of a container until it is ready
	NeverReady bool          // the readiness (or startup) probe never passes
	Waiting    string        // a key of pullReasons, crashLoop, or empty
	Message    string        // beside Waiting
	Ends       bool          // the container ends by itself
	ExitCode   int32         // with which it ends
	RunFor     time.Duration // from its start until it ends
	LastLine   string        // the termination message
	BackOff    time.Duration // before the second restart; doubles from then on
	StopAfter  time.Duration // from the deletion of the pod until its containers have ended
	Containers []string      // which containers all this is about; none: every app container
}

// Read reads a pod's annotations. An annotation that cannot be read is an error that names it.
func Read(pod *corev1.Pod) (Behaviour, error) {
	r := reader{annotations: pod.Annotations}
	b := Behaviour{
		ReadyAfter: r.duration("ready-after", 0),
		NeverReady: r.truth("never-ready"),
		Waiting:    r.oneOf("waiting", append(sortedKeys(pullReasons), crashLoop)),
		Message:    r.text("message"),
		RunFor:     r.duration("run-for", defaultRun),
		LastLine:   r.text("last-line"),
		BackOff:    r.duration("back-off", firstBackOff),
		StopAfter:  r.duration("stop-after", 0),
		Containers: r.names("container"),
	}
	b.ExitCode = r.exitCode("exit-code", b.Waiting == crashLoop)
	// A pod that is not to run for ever (a Job's, a Helm test) ends by itself; any other when it is told to.
	b.Ends = pod.Spec.RestartPolicy != corev1.RestartPolicyAlways || b.Waiting == crashLoop || r.has("exit-code") || r.has("run-for")
	return b, r.err
}

// concerns tells whether the annotations are about this container.
func (b Behaviour) concerns(name string, initial bool) bool {
	if len(b.Containers) == 0 {
		return !initial
	}
	return slices.Contains(b.Containers, name)
}

// reader reads annotations and keeps the first error.
type reader struct {
	annotations map[string]string
	err         error
}

func (r *reader) has(name string) bool {
	_, found := r.annotations[Prefix+name]
	return found
}

func (r *reader) text(name string) string { return r.annotations[Prefix+name] }

func (r *reader) refuse(name, wanted string) {
	if r.err == nil {
		r.err = fmt.Errorf("annotation %s%s is %q, it must be %s", Prefix, name, r.text(name), wanted)
	}
}

func (r *reader) duration(name string, otherwise time.Duration) time.Duration {
	if !r.has(name) {
		return otherwise
	}
	value, err := time.ParseDuration(r.text(name))
	if err != nil || value < 0 {
		r.refuse(name, `a duration such as "2s"`)
	}
	return value
}

func (r *reader) truth(name string) bool {
	value, err := strconv.ParseBool(r.text(name))
	if err != nil && r.has(name) {
		r.refuse(name, `"true" or "false"`)
	}
	return value
}

func (r *reader) oneOf(name string, allowed []string) string {
	value := r.text(name)
	if r.has(name) && !slices.Contains(allowed, value) {
		r.refuse(name, "one of "+strings.Join(allowed, ", "))
	}
	return value
}

func (r *reader) exitCode(name string, failing bool) int32 {
	if !r.has(name) {
		if failing {
			return 1
		}
		return 0
	}
	value, err := strconv.ParseUint(r.text(name), 10, 8)
	if err != nil {
		r.refuse(name, "a number from 0 to 255")
	}
	return int32(value)
}

func (r *reader) names(name string) []string {
	return strings.FieldsFunc(r.text(name), func(c rune) bool { return c == ',' || c == ' ' })
}

func sortedKeys(of map[string]string) []string {
	keys := make([]string, 0, len(of))
	for key := range of {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
