package fakekubelet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// pod has one container, "app", and these annotations (without prefix): "key: value".
func pod(restart corev1.RestartPolicy, annotations ...string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", UID: "u", Generation: 3, Annotations: map[string]string{}},
		Spec:       corev1.PodSpec{RestartPolicy: restart, Containers: []corev1.Container{{Name: "app", Image: "nginx"}}},
	}
	for _, annotation := range annotations {
		key, value, _ := strings.Cut(annotation, ": ")
		p.Annotations[Prefix+key] = value
	}
	return p
}

// with changes a pod.
func with(p *corev1.Pod, change func(*corev1.Pod)) *corev1.Pod {
	change(p)
	return p
}

// seen is what a watcher would note of a pod.
func seen(status corev1.PodStatus) string {
	var parts []string
	for _, c := range slices.Concat(status.InitContainerStatuses, status.ContainerStatuses) {
		switch s := c.State; {
		case s.Running != nil && c.Ready:
			parts = append(parts, c.Name+" ready")
		case s.Running != nil:
			parts = append(parts, c.Name+" running")
		case s.Waiting != nil:
			parts = append(parts, c.Name+" "+s.Waiting.Reason)
		default:
			parts = append(parts, fmt.Sprintf("%s ended %d", c.Name, s.Terminated.ExitCode))
		}
	}
	return fmt.Sprintf("%s: %s", status.Phase, strings.Join(parts, ", "))
}

// live lets a pod live for a while of virtual time and notes each change as "+offset what".
func live(p *corev1.Pod, length time.Duration) []string {
	var (
		history []string
		memory  Memory
		last    string
	)
	for now := noon; now.Sub(noon) <= length; {
		moment := Next(p, memory, now)
		p.Status, memory = moment.Status, moment.Memory
		if is := seen(p.Status); is != last {
			history, last = append(history, fmt.Sprintf("+%s %s", now.Sub(noon).Round(time.Millisecond), is)), is
		}
		if moment.Again == 0 {
			break
		}
		now = now.Add(moment.Again)
	}
	return history
}

func initContainer(name string, restart *corev1.ContainerRestartPolicy) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.InitContainers = append(p.Spec.InitContainers, corev1.Container{Name: name, Image: "busybox", RestartPolicy: restart})
	}
}

// Each annotation makes the pod fare as the README's table says, at the moments that it says.
func TestPodsFareAsTheirAnnotationsSay(t *testing.T) {
	const always, never, onFailure = corev1.RestartPolicyAlways, corev1.RestartPolicyNever, corev1.RestartPolicyOnFailure
	sidecarPolicy := ptr.To(corev1.ContainerRestartPolicyAlways)
	for name, test := range map[string]struct {
		pod  *corev1.Pod
		want []string
	}{
		"plain": {pod(always), []string{"+0s Running: app ready"}},
		"ready after a while": {pod(always, "ready-after: 2s"), []string{
			"+0s Running: app running", "+2s Running: app ready"}},
		"never ready":      {pod(always, "never-ready: true"), []string{"+0s Running: app running"}},
		"no image":         {pod(always, "waiting: ImagePullBackOff"), []string{"+0s Pending: app ImagePullBackOff"}},
		"image pull error": {pod(always, "waiting: ErrImagePull"), []string{"+0s Pending: app ErrImagePull"}},
		"no configuration": {pod(always, "waiting: CreateContainerConfigError"), []string{"+0s Pending: app CreateContainerConfigError"}},
		"crash loop, never ready in between": {pod(always, "waiting: CrashLoopBackOff"), []string{
			"+0s Running: app running", "+200ms Running: app ended 1", "+200ms Running: app running", "+400ms Running: app ended 1",
			"+400ms Running: app CrashLoopBackOff", "+10.4s Running: app running", "+10.6s Running: app ended 1",
			"+10.6s Running: app CrashLoopBackOff"}},
		"exit with a back-off of its own": {pod(always, "exit-code: 7", "run-for: 1s", "back-off: 2s"), []string{
			"+0s Running: app ready", "+1s Running: app ended 7", "+1s Running: app ready", "+2s Running: app ended 7",
			"+2s Running: app CrashLoopBackOff", "+4s Running: app ready", "+5s Running: app ended 7",
			"+5s Running: app CrashLoopBackOff", "+9s Running: app ready", "+10s Running: app ended 7", "+10s Running: app CrashLoopBackOff"}},
		"a Job's pod": {pod(never), []string{"+0s Running: app ready", "+200ms Succeeded: app ended 0"}},
		"a Job's pod that fails": {pod(never, "exit-code: 3"), []string{
			"+0s Running: app ready", "+200ms Failed: app ended 3"}},
		"a Job's pod that runs for a while": {pod(onFailure, "run-for: 5s"), []string{
			"+0s Running: app ready", "+5s Succeeded: app ended 0"}},
		"a Job's pod that is restarted": {pod(onFailure, "exit-code: 3", "run-for: 1s"), []string{
			"+0s Running: app ready", "+1s Running: app ended 3", "+1s Running: app ready", "+2s Running: app ended 3",
			"+2s Running: app CrashLoopBackOff"}},
		"an init container": {with(pod(always), initContainer("init", nil)), []string{"+0s Running: init ended 0, app ready"}},
		"an init container that fails": {with(pod(always, "container: init", "exit-code: 1"), initContainer("init", nil)), []string{
			"+0s Pending: init running, app PodInitializing", "+200ms Pending: init ended 1, app PodInitializing",
			"+200ms Pending: init running, app PodInitializing", "+400ms Pending: init ended 1, app PodInitializing",
			"+400ms Pending: init CrashLoopBackOff, app PodInitializing", "+10.4s Pending: init running, app PodInitializing",
			"+10.6s Pending: init ended 1, app PodInitializing", "+10.6s Pending: init CrashLoopBackOff, app PodInitializing"}},
		"an init container that fails for good": {with(pod(never, "container: init", "exit-code: 1", "run-for: 0s"), initContainer("init", nil)), []string{
			"+0s Failed: init ended 1, app PodInitializing"}},
		"a sidecar beside a Job's container": {with(pod(never), initContainer("proxy", sidecarPolicy)), []string{
			"+0s Running: proxy ready, app ready", "+200ms Succeeded: proxy ended 0, app ended 0"}},
		"one of two containers": {with(pod(always, "container: app", "never-ready: true"), func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "helper"})
		}), []string{"+0s Running: app running, helper ready"}},
		"rubbish in an annotation": {pod(always, "ready-after: soon"), []string{"+0s Pending: app CreateContainerConfigError"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := live(test.pod, 12*time.Second); !slices.Equal(got, test.want) {
				t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
		})
	}
}

// The back-off doubles as the kubelet's does, up to five minutes.
func TestTheBackOffDoublesUpToFiveMinutes(t *testing.T) {
	var got []time.Duration
	for restarts := range int32(8) {
		got = append(got, plan{backOff: firstBackOff}.delay(restarts))
	}
	second := time.Second
	if want := []time.Duration{0, 10 * second, 20 * second, 40 * second, 80 * second, 160 * second, 300 * second, 300 * second}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A crash shows what a person would look for: exit code, last line, restarts, the message of the back-off.
func TestACrashTellsWhatHappened(t *testing.T) {
	p := pod(corev1.RestartPolicyAlways, "waiting: CrashLoopBackOff", "exit-code: 4", "last-line: missing DATABASE_URL")
	live(p, 5*time.Second)
	app := p.Status.ContainerStatuses[0]
	last := app.LastTerminationState.Terminated
	if last.ExitCode != 4 || last.Message != "missing DATABASE_URL" || last.Reason != "Error" || app.RestartCount != 1 {
		t.Errorf("got %+v", app)
	}
	if want := "back-off 10s restarting failed container=app pod=web_default(u)"; app.State.Waiting.Message != want {
		t.Errorf("got %q, want %q", app.State.Waiting.Message, want)
	}
}

// An annotation that cannot be read is named where people look: in the waiting message.
func TestAWrongAnnotationIsNamed(t *testing.T) {
	for annotation, want := range map[string]string{
		"ready-after: soon":  `annotation dev.trimtab.dev/ready-after is "soon", it must be a duration such as "2s"`,
		"never-ready: maybe": `annotation dev.trimtab.dev/never-ready is "maybe", it must be "true" or "false"`,
		"exit-code: 256":     `annotation dev.trimtab.dev/exit-code is "256", it must be a number from 0 to 255`,
		"waiting: Sleepy": `annotation dev.trimtab.dev/waiting is "Sleepy", it must be one of ` +
			`CreateContainerConfigError, ErrImagePull, ImagePullBackOff, CrashLoopBackOff`,
	} {
		p := pod(corev1.RestartPolicyAlways, annotation)
		live(p, 0)
		if got := p.Status.ContainerStatuses[0].State.Waiting.Message; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func condition(status corev1.PodStatus, kind corev1.PodConditionType) corev1.PodCondition {
	i := slices.IndexFunc(status.Conditions, func(c corev1.PodCondition) bool { return c.Type == kind })
	return status.Conditions[i]
}

// The conditions say why a pod is not ready, as a kubelet's do, and leave other conditions alone.
func TestConditionsSayWhy(t *testing.T) {
	foreign := corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}
	gate := func(p *corev1.Pod) {
		p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/open"}}
	}
	for name, test := range map[string]struct {
		pod             *corev1.Pod
		reason, message string
	}{
		"ready":        {pod(corev1.RestartPolicyAlways), "", ""},
		"not ready":    {pod(corev1.RestartPolicyAlways, "never-ready: true"), "ContainersNotReady", "containers with unready status: [app]"},
		"over":         {pod(corev1.RestartPolicyNever), "PodCompleted", ""},
		"gate is shut": {with(pod(corev1.RestartPolicyAlways), gate), "ReadinessGatesNotReady", `readiness gate "example.com/open" is not True`},
	} {
		t.Run(name, func(t *testing.T) {
			test.pod.Status.Conditions = []corev1.PodCondition{foreign}
			live(test.pod, time.Second)
			ready := condition(test.pod.Status, corev1.PodReady)
			if ready.Reason != test.reason || ready.Message != test.message || (ready.Status == corev1.ConditionTrue) != (test.reason == "") {
				t.Errorf("got %+v", ready)
			}
			if test.pod.Status.Conditions[0] != foreign {
				t.Errorf("the foreign condition became %+v", test.pod.Status.Conditions[0])
			}
		})
	}
}

// A gate that someone opens makes the pod ready.
func TestAnOpenGateMakesThePodReady(t *testing.T) {
	p := pod(corev1.RestartPolicyAlways)
	p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/open"}}
	p.Status.Conditions = []corev1.PodCondition{{Type: "example.com/open", Status: corev1.ConditionTrue}}
	live(p, 0)
	if ready := condition(p.Status, corev1.PodReady); ready.Status != corev1.ConditionTrue {
		t.Errorf("got %+v", ready)
	}
}

// Until a startup probe passes, the container has not started.
func TestAStartupProbeHoldsBackStarted(t *testing.T) {
	p := pod(corev1.RestartPolicyAlways, "never-ready: true")
	p.Spec.Containers[0].StartupProbe = &corev1.Probe{}
	live(p, 0)
	if *p.Status.ContainerStatuses[0].Started {
		t.Error("started before its startup probe passed")
	}
}

// What is settled stays as it is, to the byte: a pod at rest costs no write.
func TestAPodAtRestIsLeftAlone(t *testing.T) {
	for name, p := range map[string]*corev1.Pod{
		"running":   pod(corev1.RestartPolicyAlways),
		"pulling":   pod(corev1.RestartPolicyAlways, "waiting: ImagePullBackOff"),
		"backing":   pod(corev1.RestartPolicyAlways, "waiting: CrashLoopBackOff"),
		"completed": pod(corev1.RestartPolicyNever),
	} {
		t.Run(name, func(t *testing.T) {
			live(p, 5*time.Second)
			again := Next(p, nil, noon.Add(6*time.Second)) // after a restart, too: without memory
			if !equality.Semantic.DeepEqual(again.Status, p.Status) {
				t.Errorf("became %s from %s", again.Status.String(), p.Status.String())
			}
		})
	}
}

// Next changes nothing that it was given: the informer's copy is everyone's.
func TestNextChangesNoInput(t *testing.T) {
	p := pod(corev1.RestartPolicyNever)
	live(p, 0)
	before := p.DeepCopy()
	Next(p, nil, noon.Add(time.Hour))
	if !equality.Semantic.DeepEqual(p, before) {
		t.Error("the pod was changed")
	}
}

// A deleted pod ends: well when its containers were running, badly when they never did.
func TestADeletedPodEnds(t *testing.T) {
	for annotation, want := range map[string]string{
		"": "Succeeded: app ended 0", "waiting: ErrImagePull": "Failed: app ErrImagePull",
	} {
		p := pod(corev1.RestartPolicyAlways, annotation)
		live(p, 0)
		if got := seen(Stopped(p, noon.Add(time.Second))); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Its containers run for stop-after, but never beyond the grace period.
func TestStopAfterIsBoundedByTheGracePeriod(t *testing.T) {
	for _, test := range []struct {
		annotation string
		left       time.Duration
	}{{"", -time.Second}, {"stop-after: 3s", 2 * time.Second}, {"stop-after: 1h", 29 * time.Second}} {
		p := pod(corev1.RestartPolicyAlways, test.annotation)
		p.DeletionGracePeriodSeconds = ptr.To[int64](30)
		p.DeletionTimestamp = &metav1.Time{Time: noon.Add(30 * time.Second)}
		if got := stopLeft(p, noon.Add(time.Second)); got != test.left {
			t.Errorf("%q: got %s, want %s", test.annotation, got, test.left)
		}
	}
}

// Every pod has an address of its own, keeps it, and gives it back.
func TestAddresses(t *testing.T) {
	a := newAddresses()
	a.keep("old", "10.244.0.1")
	first, _ := a.take("one")
	again, _ := a.take("one")
	if first != "10.244.0.2" || again != first {
		t.Errorf("got %s and %s", first, again)
	}
	a.free("one")
	if _, taken := a.taken[a.last]; taken {
		t.Error("the address was not given back")
	}
}
