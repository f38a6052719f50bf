package fakekubelet

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Memory holds, for each container of a pod, when its present state began.
// It only sharpens what the pod's status says in whole seconds: losing it loses no more than that second.
type Memory map[string]time.Time

// Moment is a pod at one moment.
type Moment struct {
	Status corev1.PodStatus
	Memory Memory
	Again  time.Duration // when to look again; 0: when the pod changes
}

// Next is the whole state machine of a fake pod: from what the pod is now to what it is to be. It changes none of its inputs.
// An annotation that cannot be read shows as a configuration error on every container.
func Next(pod *corev1.Pod, memory Memory, now time.Time) Moment {
	if over(pod.Status.Phase) {
		return Moment{Status: pod.Status, Memory: memory}
	}
	b, err := Read(pod)
	if err != nil {
		b = Behaviour{Waiting: configError, Message: err.Error(), Containers: allNames(pod)}
	}
	v := &visit{pod: pod, behaviour: b, memory: memory, now: now, kept: Memory{}}
	status := *pod.Status.DeepCopy()
	var initialized, failed bool
	status.InitContainerStatuses, initialized, failed = v.initContainers()
	status.ContainerStatuses = v.appContainers(initialized)
	if v.done(status.ContainerStatuses) {
		v.endSidecars(status.InitContainerStatuses)
	}
	if status.StartTime == nil {
		status.StartTime = &metav1.Time{Time: now}
	}
	status.ObservedGeneration = pod.Generation
	status.Phase = phaseOf(pod.Spec.RestartPolicy, status.ContainerStatuses, initialized, failed)
	status.Conditions = conditions(pod, &status, initialized, now)
	if over(status.Phase) {
		v.again = 0
	}
	return Moment{Status: status, Memory: v.kept, Again: v.again}
}

// Stopped is the status of a pod whose containers were stopped because it is deleted.
func Stopped(pod *corev1.Pod, now time.Time) corev1.PodStatus {
	status := *pod.Status.DeepCopy()
	if over(status.Phase) {
		return status
	}
	status.Phase = corev1.PodSucceeded
	for _, statuses := range [][]corev1.ContainerStatus{status.InitContainerStatuses, status.ContainerStatuses} {
		for i, was := range statuses {
			if was.State.Running != nil {
				statuses[i] = plan{}.end(phase{status: was}, 0, "", now).status
			}
			if ended := statuses[i].State.Terminated; ended == nil || ended.ExitCode != 0 {
				status.Phase = corev1.PodFailed
			}
		}
	}
	status.Conditions = conditions(pod, &status, true, now)
	return status
}

// visit is one call of Next: its inputs, and what it gathers.
type visit struct {
	pod       *corev1.Pod
	behaviour Behaviour
	memory    Memory
	now       time.Time
	kept      Memory
	again     time.Duration
}

// initContainers runs them one after the other; a sidecar (restartPolicy Always) only has to run before the next may.
// failed: one ended badly and is not tried again.
func (v *visit) initContainers() (statuses []corev1.ContainerStatus, initialized, failed bool) {
	initialized = true
	for i := range v.pod.Spec.InitContainers {
		container := &v.pod.Spec.InitContainers[i]
		was := statusOf(v.pod.Status.InitContainerStatuses, container)
		if !initialized {
			statuses = append(statuses, v.idle(container, was))
			continue
		}
		p := v.plan(container, true)
		is := v.step(p, was)
		statuses = append(statuses, is)
		ended := is.State.Terminated
		initialized = ended != nil && ended.ExitCode == 0 || sidecar(container) && is.State.Running != nil
		failed = failed || ended != nil && ended.ExitCode != 0 && !p.restarts(ended.ExitCode)
	}
	return statuses, initialized, failed
}

func (v *visit) appContainers(initialized bool) (statuses []corev1.ContainerStatus) {
	for i := range v.pod.Spec.Containers {
		container := &v.pod.Spec.Containers[i]
		was := statusOf(v.pod.Status.ContainerStatuses, container)
		if initialized {
			statuses = append(statuses, v.step(v.plan(container, false), was))
		} else {
			statuses = append(statuses, v.idle(container, was))
		}
	}
	return statuses
}

// step moves one container on and gathers its memory and its next appointment.
func (v *visit) step(p plan, was corev1.ContainerStatus) corev1.ContainerStatus {
	is := p.next(phase{status: was, since: v.since(was)}, v.now)
	v.kept[p.name] = is.since
	v.again = sooner(v.again, is.again)
	return is.status
}

// idle is a container whose turn has not come.
func (v *visit) idle(container *corev1.Container, was corev1.ContainerStatus) corev1.ContainerStatus {
	return plan{name: container.Name}.wait(phase{status: was}, "PodInitializing", "", v.now).status
}

// since is when the present state of a container began: as remembered, else as its status says.
func (v *visit) since(was corev1.ContainerStatus) time.Time {
	if remembered, found := v.memory[was.Name]; found {
		return remembered
	}
	switch {
	case was.State.Running != nil:
		return was.State.Running.StartedAt.Time
	case was.LastTerminationState.Terminated != nil:
		return was.LastTerminationState.Terminated.FinishedAt.Time
	}
	return v.now
}

// plan says what a container is to do: what the annotations say, if they are about it, else what any would.
func (v *visit) plan(container *corev1.Container, initial bool) plan {
	b := v.behaviour
	p := plan{
		pod: fmt.Sprintf("%s_%s(%s)", v.pod.Name, v.pod.Namespace, v.pod.UID), uid: string(v.pod.UID),
		name: container.Name, image: container.Image,
		ends: v.pod.Spec.RestartPolicy != corev1.RestartPolicyAlways, runFor: defaultRun, backOff: b.BackOff,
		restart: v.pod.Spec.RestartPolicy, slowStart: container.StartupProbe != nil,
	}
	switch {
	case sidecar(container):
		p.ends, p.restart = false, corev1.RestartPolicyAlways
	case initial:
		p.ends, p.runFor, p.initial, p.neverReady = true, 0, true, true
		if p.restart == corev1.RestartPolicyAlways {
			p.restart = corev1.RestartPolicyOnFailure
		}
	}
	if b.concerns(container.Name, initial) {
		p.obey(b)
	}
	return p
}

// obey takes over what the annotations say.
func (p *plan) obey(b Behaviour) {
	p.message, p.exitCode, p.lastLine = b.Message, b.ExitCode, b.LastLine
	p.ends, p.runFor = p.ends || b.Ends, b.RunFor
	p.readyAfter = b.ReadyAfter
	p.neverReady = p.neverReady || b.NeverReady || b.Waiting == crashLoop
	if says, found := pullReasons[b.Waiting]; found {
		p.blocked = b.Waiting
		if p.message == "" {
			p.message = fmt.Sprintf(says, p.image)
		}
	}
}

// done tells whether every app container has ended for good.
func (v *visit) done(statuses []corev1.ContainerStatus) bool {
	for i := range statuses {
		ended := statuses[i].State.Terminated
		if ended == nil || v.plan(&v.pod.Spec.Containers[i], false).restarts(ended.ExitCode) {
			return false
		}
	}
	return true
}

// endSidecars stops what only accompanied the app containers.
func (v *visit) endSidecars(statuses []corev1.ContainerStatus) {
	for i, was := range statuses {
		if was.State.Running != nil {
			statuses[i] = plan{name: was.Name}.end(phase{status: was}, 0, "", v.now).status
		}
	}
}

func sidecar(container *corev1.Container) bool {
	return container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// statusOf is the status of a container so far; a new one has yet to be made.
func statusOf(statuses []corev1.ContainerStatus, container *corev1.Container) corev1.ContainerStatus {
	for _, status := range statuses {
		if status.Name == container.Name {
			return *status.DeepCopy()
		}
	}
	return corev1.ContainerStatus{Name: container.Name, Image: container.Image}
}

func allNames(pod *corev1.Pod) (names []string) {
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for _, container := range containers {
			names = append(names, container.Name)
		}
	}
	return names
}
