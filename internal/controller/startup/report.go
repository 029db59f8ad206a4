package startup

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// repeatInterval is the pause between events of a condition that lasts: the API server deletes events after an hour.
const repeatInterval = 30 * time.Minute

// Reasons of the events.
const (
	Degraded  = "Degraded"
	Recovered = "Recovered"
)

// NamespaceFile contains the namespace of a pod.
const NamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// Pod is the controller's own pod.
type Pod struct{ Namespace, Name string }

// OwnPod is named by POD_NAMESPACE and POD_NAME, which the chart sets on the host's network, else by the mounted
// namespace and the host's name; the zero value outside of a cluster.
func OwnPod() Pod {
	namespace := os.Getenv("POD_NAMESPACE")
	if namespace == "" {
		content, err := os.ReadFile(NamespaceFile)
		if err != nil {
			return Pod{}
		}
		namespace = strings.TrimSpace(string(content))
	}
	host, _ := os.Hostname() // "" is no name of a pod
	return Pod{Namespace: namespace, Name: cmp.Or(os.Getenv("POD_NAME"), host)}
}

// Reporter shows changes of conditions: in the log and the metric at once, as events on the controller's pod when the
// API server takes them.
type Reporter struct {
	log  logr.Logger
	set  func(reason string, lacking bool)
	now  func() time.Time
	wake chan struct{}

	mu      sync.Mutex
	pending map[impairment.Reason]impairment.Change // of which there is no event yet
}

// NewReporter makes a Reporter. set shows in a metric whether something is lacking.
func NewReporter(set func(reason string, lacking bool), now func() time.Time, log logr.Logger) *Reporter {
	for _, i := range impairment.Reasons {
		set(string(i.Reason), false)
	}
	return &Reporter{log: log, set: set, now: now, wake: make(chan struct{}, 1),
		pending: map[impairment.Reason]impairment.Change{}}
}

// Changed returns a impairment.Conditions.OnChange.
func (p *Reporter) Changed(c impairment.Change) {
	if c.Healed {
		p.log.Info("recovered", "reason", c.Reason, "from", c.Text)
		p.set(string(c.Reason), false)
	} else {
		p.log.Error(nil, "degraded", "reason", c.Reason, "message", c.Error())
		p.set(string(c.Reason), true)
	}
	p.mu.Lock()
	p.pending[c.Reason] = c
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Core has a client of the core group of the API, as clientsets do.
type Core interface {
	CoreV1() corev1client.CoreV1Interface
}

// Events writes events until ctx ends; those of conditions that last again and again.
func (p *Reporter) Events(ctx context.Context, s *impairment.Conditions, core Core, pod Pod) {
	if pod.Namespace == "" || pod.Name == "" {
		p.log.V(1).Info("no events about the controller itself: it does not run in a pod")
		return
	}
	repeat := time.NewTicker(repeatInterval)
	defer repeat.Stop()
	var again <-chan time.Time
	for failures := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-again:
		case <-repeat.C:
			all := s.All()
			p.mu.Lock()
			for _, c := range all {
				p.pending[c.Reason] = impairment.Change{Condition: c}
			}
			p.mu.Unlock()
		}
		again = nil
		if err := p.write(ctx, core, pod); err != nil {
			failures++
			p.log.V(1).Info("an event about the controller could not be written", "pod", pod.Namespace+"/"+pod.Name, "cause",
				err.Error())
			again = time.After(pauses.Pause(failures))
			continue
		}
		failures = 0
	}
}

// write writes the events that are pending.
func (p *Reporter) write(ctx context.Context, core Core, pod Pod) error {
	p.mu.Lock()
	pending := maps.Clone(p.pending)
	p.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	object := corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name}
	own, err := core.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	switch {
	case err == nil:
		object.UID = own.UID // by which kubectl describe finds events
	case apierrors.IsNotFound(err):
		return p.written(pending) // another host's name: there is no such pod
	case !apierrors.IsForbidden(err):
		return err
	}
	for _, r := range slices.Sorted(maps.Keys(pending)) {
		e := eventOf(pending[r], object, p.now())
		if _, err := core.CoreV1().Events(pod.Namespace).Create(ctx, e, metav1.CreateOptions{}); err != nil &&
			!apierrors.IsForbidden(err) && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return p.written(pending)
}

// written forgets changes, unless there is a newer one of the reason.
func (p *Reporter) written(changes map[impairment.Reason]impairment.Change) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.pending, func(r impairment.Reason, c impairment.Change) bool { return changes[r] == c })
	return nil
}

// maxMessage is the API server's limit for an event's message.
const maxMessage = 1024

func eventOf(c impairment.Change, of corev1.ObjectReference, now time.Time) *corev1.Event {
	e := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: of.Namespace, Name: fmt.Sprintf("%s.%s.%x", of.Name, c.Reason,
			now.UnixNano())},
		InvolvedObject: of, Type: corev1.EventTypeWarning, Reason: Degraded, Message: c.Error(), Count: 1,
		FirstTimestamp: metav1.NewTime(now), LastTimestamp: metav1.NewTime(now), Source: corev1.EventSource{
			Component: "aws-load-balancer-controller"},
		ReportingController: "aws-load-balancer-controller", ReportingInstance: of.Name,
	}
	if c.Healed {
		e.Type, e.Reason, e.Message = corev1.EventTypeNormal, Recovered, "no longer: "+c.Text
	}
	if len(e.Message) > maxMessage {
		e.Message = e.Message[:maxMessage-3] + "..."
	}
	return e
}
