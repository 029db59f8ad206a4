package node

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// terminate ends a pod as a kubelet does: preStop within the grace period, then the request to stop, then, when
// everything ended or the grace period is over, not ready any more and the object removed.
func (w *worker) terminate(ctx context.Context, results <-chan result) error {
	began := time.Now()
	pause := preStop(w.current())
	for {
		left := min(pause, grace(w.current())) - time.Since(began) // a second delete may shorten the grace period
		if left <= 0 {
			break
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-w.changed:
		case r := <-results: // readiness goes on during preStop
			w.record(r)
			if err := w.write(ctx, w.current()); err != nil {
				timer.Stop()
				return err
			}
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
	stopping, cancel := context.WithDeadline(ctx, began.Add(grace(w.current())))
	w.shutdown(stopping)
	cancel()
	pod := w.current()
	if err := w.patch(ctx, pod, ended(pod, w.status, metav1.Now())); err != nil {
		return err
	}
	return w.remove(ctx, pod)
}

// remove deletes the object of a pod that does not run any more.
func (w *worker) remove(ctx context.Context, pod *corev1.Pod) error {
	now := int64(0)
	options := metav1.DeleteOptions{GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &pod.UID}}
	for {
		err := w.fleet.options.Client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, options)
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil
		}
		if !retry(ctx) {
			return fmt.Errorf("remove: %w", err)
		}
	}
}

func grace(pod *corev1.Pod) time.Duration {
	if pod.DeletionGracePeriodSeconds == nil {
		return 30 * time.Second
	}
	return time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second
}

var sleepCommand = regexp.MustCompile(`(?:^|[\s/;&])sleep\s+(\d+(?:\.\d+)?)`)

// preStop is how long the longest preStop hook of the pod sleeps: the sleep action, or a command that calls sleep.
// Other hooks take no time here.
func preStop(pod *corev1.Pod) time.Duration {
	var longest time.Duration
	for _, c := range pod.Spec.Containers {
		if c.Lifecycle == nil || c.Lifecycle.PreStop == nil {
			continue
		}
		hook := c.Lifecycle.PreStop
		if hook.Sleep != nil {
			longest = max(longest, time.Duration(hook.Sleep.Seconds)*time.Second)
		}
		if hook.Exec == nil {
			continue
		}
		for _, m := range sleepCommand.FindAllStringSubmatch(strings.Join(hook.Exec.Command, " "), -1) {
			if s, err := strconv.ParseFloat(m[1], 64); err == nil {
				longest = max(longest, time.Duration(s*float64(time.Second)))
			}
		}
	}
	return longest
}
