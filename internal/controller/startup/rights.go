package startup

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// Right is what the controller may do with the objects of a resource.
type Right struct {
	Verbs, Group, Resource, Namespace string // several verbs are separated by ", "
}

// resource is the resource with its group.
func (r Right) resource() string {
	if r.Group == "" {
		return r.Resource
	}
	return r.Resource + "." + r.Group
}

func (r Right) text() string {
	s := r.Verbs + " " + r.resource()
	if r.Namespace != "" {
		s += " in namespace " + r.Namespace
	}
	return s
}

// Rights follows the rights that the API server denied the controller: each is reviewed until it is granted.
type Rights struct {
	Conditions *impairment.Conditions
	Reviews    authorizationclient.SelfSubjectAccessReviewInterface
	Namespace  string // --watch-namespace; "" = all
	Now        func() time.Time
	Log        logr.Logger

	refusals chan request // to be reviewed

	mu      sync.Mutex
	missing []Right
	looked  map[Right]time.Time // when a refused request was last reviewed
	forgone []Right             // optional ones that were logged
}

// NewRights makes Rights of which the caller sets Reviews before Run.
func NewRights(conditions *impairment.Conditions, namespace string, now func() time.Time, log logr.Logger) *Rights {
	return &Rights{Conditions: conditions, Namespace: namespace, Now: now, Log: log, refusals: make(chan request, 16),
		looked: map[Right]time.Time{}}
}

// Missing takes the refusal of a list or a watch.
func (r *Rights) Missing(ctx context.Context, refusal error) {
	var status apierrors.APIStatus
	if !errors.As(refusal, &status) || status.Status().Details == nil {
		return
	}
	d := status.Status().Details
	right := Right{Verbs: "list, watch", Group: d.Group, Resource: d.Kind, Namespace: r.Namespace}
	if r.forgo(right) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(r.missing, right) {
		return
	}
	r.note(append(r.missing, right))
	go r.review(ctx, right, right.Namespace, "")
}

// review ends when the right is granted, in a namespace and on an object if they are named.
func (r *Rights) review(ctx context.Context, right Right, namespace, name string) {
	for failures := 1; r.denied(ctx, right, namespace, name) != no; failures++ {
		if sleep.For(ctx, pauses.Pause(failures)) != nil {
			return
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(slices.DeleteFunc(slices.Clone(r.missing), func(x Right) bool { return x == right }))
}

// answer is the answer to a review.
type answer int

const (
	unknown answer = iota // the API server did not answer
	yes
	no
)

// denied reports whether the API server denies one of the verbs of a right.
func (r *Rights) denied(ctx context.Context, right Right, namespace, name string) answer {
	resource, sub, _ := strings.Cut(right.Resource, "/")
	for verb := range strings.SplitSeq(right.Verbs, ", ") {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: right.Group, Resource: resource,
				Subresource: sub, Namespace: namespace, Name: name},
		}}
		bounded, cancel := context.WithTimeout(ctx, tryTimeout)
		got, err := r.Reviews.Create(bounded, review, metav1.CreateOptions{})
		cancel()
		if err != nil {
			return unknown
		}
		if !got.Status.Allowed {
			return yes
		}
	}
	return no
}

// note replaces the rights that are missing. The lock is held.
func (r *Rights) note(missing []Right) {
	r.missing = missing
	if len(missing) == 0 {
		r.Conditions.Heal(impairment.Rights)
		return
	}
	var texts []string
	for _, x := range missing {
		texts = append(texts, x.text())
	}
	slices.Sort(texts)
	r.Conditions.Set(impairment.Condition{Reason: impairment.Rights, Text: "the controller's ServiceAccount may not " +
		strings.Join(texts, "; nor "), Remedy: impairment.GrantRights})
}

// Lease takes the result of a request for the Lease: nil, or why it failed.
func (r *Rights) Lease(namespace string, err error) {
	right := Right{Verbs: "create, get, update", Group: "coordination.k8s.io", Resource: "leases", Namespace: namespace}
	r.mu.Lock()
	defer r.mu.Unlock()
	had := slices.Contains(r.missing, right)
	switch {
	case apierrors.IsForbidden(err) && !had:
		r.note(append(r.missing, right))
	case err == nil && had:
		r.note(slices.DeleteFunc(slices.Clone(r.missing), func(x Right) bool { return x == right }))
	}
}
