package fakekubelet

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// over tells whether a pod has ended; nothing happens to it any more.
func over(phase corev1.PodPhase) bool {
	return phase == corev1.PodSucceeded || phase == corev1.PodFailed
}

// phaseOf follows the kubelet's rule: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase
func phaseOf(restart corev1.RestartPolicy, statuses []corev1.ContainerStatus, initialized, failed bool) corev1.PodPhase {
	var unstarted, running, good, bad int
	for _, status := range statuses {
		switch ended := status.State.Terminated; {
		case status.State.Running != nil:
			running++
		case ended != nil && ended.ExitCode == 0:
			good++
		case ended != nil || status.LastTerminationState.Terminated != nil:
			bad++
		default:
			unstarted++
		}
	}
	switch {
	case failed:
		return corev1.PodFailed
	case !initialized || unstarted > 0:
		return corev1.PodPending
	case running > 0 || restart == corev1.RestartPolicyAlways:
		return corev1.PodRunning
	case bad == 0:
		return corev1.PodSucceeded
	case restart == corev1.RestartPolicyNever:
		return corev1.PodFailed
	}
	return corev1.PodRunning // a failed container is about to be restarted
}

// conditions are the pod's conditions after the status has changed: those that a kubelet owns, beside everyone else's.
func conditions(pod *corev1.Pod, status *corev1.PodStatus, initialized bool, now time.Time) []corev1.PodCondition {
	is := slices.Clone(pod.Status.Conditions)
	set := func(kind corev1.PodConditionType, value bool, reason, message string) {
		is = setCondition(is, corev1.PodCondition{
			Type: kind, Status: truth(value), Reason: reason, Message: message,
			ObservedGeneration: pod.Generation, LastTransitionTime: metav1.NewTime(now),
		})
	}
	reason, message := unready("ContainersNotReady", "containers with unready status", status.ContainerStatuses)
	initReason, initMessage := unready("ContainersNotInitialized", "containers with incomplete status", status.InitContainerStatuses)
	if initialized {
		initReason, initMessage = "", ""
	}
	gates := closedGates(pod)
	if over(status.Phase) {
		reason, message, initReason, initMessage = "PodCompleted", "", "PodCompleted", ""
		gates = ""
	}
	set(corev1.PodReadyToStartContainers, !over(status.Phase), "", "")
	set(corev1.PodInitialized, initialized, initReason, initMessage)
	set(corev1.ContainersReady, reason == "", reason, message)
	if reason == "" && gates != "" {
		reason, message = "ReadinessGatesNotReady", gates
	}
	set(corev1.PodReady, reason == "", reason, message)
	return is
}

// unready gives reason and message when a container is not ready; else nothing.
func unready(reason, message string, statuses []corev1.ContainerStatus) (string, string) {
	var names []string
	for _, status := range statuses {
		if !status.Ready {
			names = append(names, status.Name)
		}
	}
	if len(names) == 0 {
		return "", ""
	}
	return reason, fmt.Sprintf("%s: [%s]", message, strings.Join(names, " "))
}

// closedGates names the readiness gates that are not open yet.
func closedGates(pod *corev1.Pod) string {
	var closed []string
	for _, gate := range pod.Spec.ReadinessGates {
		open := slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == gate.ConditionType && c.Status == corev1.ConditionTrue
		})
		if !open {
			closed = append(closed, fmt.Sprintf("readiness gate %q is not True", gate.ConditionType))
		}
	}
	return strings.Join(closed, "; ")
}

// setCondition replaces the condition of the same type; its time stays while its status does.
func setCondition(all []corev1.PodCondition, is corev1.PodCondition) []corev1.PodCondition {
	i := slices.IndexFunc(all, func(c corev1.PodCondition) bool { return c.Type == is.Type })
	if i < 0 {
		return append(all, is)
	}
	if all[i].Status == is.Status {
		is.LastTransitionTime = all[i].LastTransitionTime
	}
	is.LastProbeTime = all[i].LastProbeTime
	all[i] = is
	return all
}

func truth(value bool) corev1.ConditionStatus {
	if value {
		return corev1.ConditionTrue
	}
	return corev1.ConditionFalse
}
