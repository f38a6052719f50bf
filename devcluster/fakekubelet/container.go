package fakekubelet

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// plan is what one container is to do.
type plan struct {
	pod, name, image string // pod: as the kubelet writes it in messages, name_namespace(uid)
	uid              string
	blocked          string // the waiting reason that keeps it from starting; empty: it starts
	message          string // beside a waiting reason
	ends             bool
	runFor           time.Duration
	exitCode         int32
	lastLine         string
	initial          bool // an init container: ready once it has ended well, not while it runs
	neverReady       bool
	slowStart        bool // has a startup probe: until it is ready it has not started either
	readyAfter       time.Duration
	backOff          time.Duration
	restart          corev1.RestartPolicy
}

// phase is a container at one moment.
type phase struct {
	status corev1.ContainerStatus
	since  time.Time     // when its present state began; status times are cut to whole seconds
	again  time.Duration // when to look again; 0: nothing changes by itself
}

// next moves a container on by at most one state from what it was.
func (p plan) next(was phase, now time.Time) phase {
	state := was.status.State
	switch {
	case state.Running != nil:
		return p.runOn(was, now)
	case state.Terminated != nil:
		return p.afterEnd(was, now)
	case state.Waiting != nil && state.Waiting.Reason == crashLoop && was.status.LastTerminationState.Terminated != nil:
		return p.sitOut(was, now)
	case p.blocked != "":
		return p.wait(was, p.blocked, p.message, now)
	}
	return p.start(was, now)
}

// start runs the container. One that ends at once has ended: nobody could have seen it run.
func (p plan) start(was phase, now time.Time) phase {
	is := was
	is.since = now
	is.status.ContainerID = fmt.Sprintf("fake://%s/%s/%d", p.uid, p.name, is.status.RestartCount)
	is.status.ImageID = "fake://" + p.image
	is.status.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(now)}}
	return p.runOn(is, now)
}

// runOn lets a running container run: until it is ready, until it ends.
func (p plan) runOn(was phase, now time.Time) phase {
	ran := now.Sub(was.since)
	if p.ends && ran >= p.runFor {
		return p.end(was, p.exitCode, p.lastLine, now)
	}
	is := was
	is.again = 0
	is.status.Ready = !p.neverReady && ran >= p.readyAfter
	is.status.Started = ptr.To(is.status.Ready || !p.slowStart)
	if !is.status.Ready && !p.neverReady {
		is.again = sooner(is.again, p.readyAfter-ran)
	}
	if p.ends {
		is.again = sooner(is.again, p.runFor-ran)
	}
	return is
}

// end stops a running container.
func (p plan) end(was phase, exitCode int32, message string, now time.Time) phase {
	is := phase{status: was.status, since: now}
	reason := "Completed"
	if exitCode != 0 {
		reason = "Error"
	}
	is.status.Ready, is.status.Started = p.initial && exitCode == 0, ptr.To(false)
	is.status.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: exitCode, Reason: reason, Message: message, ContainerID: was.status.ContainerID,
		StartedAt: was.status.State.Running.StartedAt, FinishedAt: metav1.NewTime(now),
	}}
	if p.restarts(exitCode) {
		is.again = time.Nanosecond // the end is shown before what follows it
	}
	return is
}

// afterEnd restarts an ended container, the first time at once, later after the back-off; or leaves it.
func (p plan) afterEnd(was phase, now time.Time) phase {
	ended := was.status.State.Terminated
	if !p.restarts(ended.ExitCode) {
		return phase{status: was.status, since: was.since}
	}
	is := was
	is.status.LastTerminationState = was.status.State
	delay := p.delay(was.status.RestartCount)
	if delay == 0 {
		is.status.RestartCount++
		return p.start(is, now)
	}
	message := p.message
	if message == "" {
		message = fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", delay, p.name, p.pod)
	}
	return p.sitOut(p.wait(is, crashLoop, message, now), now)
}

// sitOut keeps a container in its back-off until that is over.
func (p plan) sitOut(was phase, now time.Time) phase {
	is := was
	left := p.delay(was.status.RestartCount) - now.Sub(was.since)
	if left <= 0 {
		is.status.RestartCount++
		return p.start(is, now)
	}
	is.again = left
	return is
}

// wait makes a container wait for a reason; it keeps the time when it began to.
func (p plan) wait(was phase, reason, message string, now time.Time) phase {
	is := phase{status: was.status, since: was.since}
	if waiting := was.status.State.Waiting; waiting == nil || waiting.Reason != reason {
		is.since = now
	}
	is.status.Ready, is.status.Started = false, ptr.To(false)
	is.status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	return is
}

// restarts tells whether a container that ended with this code is started again.
func (p plan) restarts(exitCode int32) bool {
	return p.restart == corev1.RestartPolicyAlways || p.restart == corev1.RestartPolicyOnFailure && exitCode != 0
}

// delay is the back-off before the next restart of a container that was restarted so often: none at first, then doubling.
func (p plan) delay(restarts int32) time.Duration {
	if restarts == 0 {
		return 0
	}
	factor := min(1<<min(restarts-1, 10), longestFactor)
	return p.backOff * time.Duration(factor)
}

// sooner is the shorter of two delays, where 0 means never.
func sooner(a, b time.Duration) time.Duration {
	switch {
	case a == 0:
		return b
	case b == 0:
		return a
	}
	return min(a, b)
}
