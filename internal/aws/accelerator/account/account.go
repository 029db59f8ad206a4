// Package account caches the accelerators of the account, and records the controller's writes to them, so that a pass
// that changes nothing makes no call. It knows their owners, by tags, and the load balancers behind their endpoints.
// It executes plans one write after the other, because AWS accepts one change of an accelerator at a time.
package account

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/refusal"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
)

// Account is the cache. It is safe for concurrent use; two passes over one accelerator at once are not.
type Account struct {
	// KnownOwner, if it is set, returns the owner of a load balancer without a call to AWS. known is false if only AWS
	// knows the owner.
	KnownOwner func(arn string) (key stack.Key, known bool)
	// Refusals has the writes that AWS refuses: a memory of its own, unless it is replaced before the first pass.
	Refusals *refusal.Memory

	clients  awsclient.Clients
	identity *awsclient.Identity
	config   declare.Config
	lifetime time.Duration
	now      func() time.Time
	// Held reports whether an administrator holds an accelerator at this moment; nil = none is held.
	Held func(stack.Key) bool

	mu      sync.Mutex
	entries map[stack.Key]*entry
	foreign map[string]foreign // accelerators that were found to be another's, by ARN
	listed  listing
	history order.History // of creations, deletions and doubts
	changed order.Mark    // of the newest creation or deletion, which makes older lists incomplete
	listing chan struct{} // has an element during a listing of the account, which all that need one share

	balancers balancers
	edited    map[stack.Key]string // see Edited
}

// entry is what is known of an accelerator.
type entry struct {
	observed accelerator.Observed
	read     time.Time  // when everything was read last; zero = it is to be read before it counts
	doubted  order.Mark // when it was found that it is to be read
}

// New makes an Account. Observations are read again after lifetime; 0 = never.
func New(clients awsclient.Clients, config declare.Config, lifetime time.Duration, now func() time.Time) *Account {
	return &Account{
		clients: clients, identity: awsclient.NewIdentity(clients.STS, now),
		config: config, lifetime: lifetime, now: now, history: order.New(now), entries: map[stack.Key]*entry{},
		foreign: map[string]foreign{}, listing: make(chan struct{}, 1),
		balancers: balancers{hosts: map[string]map[string]answer{}}, edited: map[stack.Key]string{},
		Refusals: refusal.New(now, ""),
	}
}

// NotOwnedError is the error of Observe for an accelerator without the tags of its object.
type NotOwnedError struct {
	ARN     string
	Cluster string // of its tags
	Stack   string
}

// Error implements error.
func (e *NotOwnedError) Error() string {
	if e.Stack == "" {
		return fmt.Sprintf("the accelerator %s has no tags of a GlobalAccelerator", e.ARN)
	}
	return fmt.Sprintf("the accelerator %s has the tags of GlobalAccelerator %s of cluster %s", e.ARN, e.Stack, e.Cluster)
}

// Observe returns AWS's state of an accelerator: the one with the ARN in the object's status, otherwise the one with
// the object's tags. It reads nothing while its cache is valid. The zero value means that AWS has none, by a list
// that is newer than the call.
func (a *Account) Observe(ctx context.Context, key stack.Key, shown string) (accelerator.Observed, error) {
	a.mu.Lock()
	e := a.entries[key]
	if e != nil && !e.read.IsZero() && (a.lifetime == 0 || a.now().Before(e.read.Add(a.lifetime))) {
		defer a.mu.Unlock()
		return e.observed.Clone(), nil
	}
	since := order.Mark{}
	if e != nil {
		since = e.doubted
		if e.observed.Exists() {
			shown = e.observed.ARN
		}
	}
	a.mu.Unlock()
	begun := a.now()
	o, err := a.read(ctx, key, shown, since)
	if err != nil {
		return accelerator.Observed{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if e != nil && !e.read.IsZero() && !reflect.DeepEqual(e.observed, o) { // somebody else has changed it
		a.Refusals.RetryRefused(key)
	}
	a.entries[key] = &entry{observed: o, read: begun}
	return o.Clone(), nil
}

// Edited identifies what users wrote of the object: once that differs, AWS is asked again what it has refused.
func (a *Account) Edited(key stack.Key, version string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if before, known := a.edited[key]; known && before != version {
		a.Refusals.RetryObstacles(key)
	}
	a.edited[key] = version
}

// edits is what Edited has noted.
func (a *Account) edits(key stack.Key) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.edited[key]
}

// Expiry is when Observe reads next by itself; zero = never.
func (a *Account) Expiry(key stack.Key) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.entries[key]; e != nil && a.lifetime > 0 && !e.read.IsZero() {
		return e.read.Add(a.lifetime)
	}
	return time.Time{}
}

// Doubt has the accelerator read before it counts.
func (a *Account) Doubt(key stack.Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.entries[key]
	if e == nil {
		e = &entry{}
		a.entries[key] = e
	}
	e.read, e.doubted = time.Time{}, a.history.Next()
}

// Forget drops what is known of an accelerator whose object is gone.
func (a *Account) Forget(key stack.Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.entries, key)
	delete(a.edited, key)
	a.Refusals.Forget(key)
}

// Refresh reads whether AWS has deployed the last change, and the accelerator's own settings, but not its listeners.
func (a *Account) Refresh(ctx context.Context, key stack.Key) (accelerator.Observed, error) {
	a.mu.Lock()
	e := a.entries[key]
	a.mu.Unlock()
	if e == nil || !e.observed.Exists() {
		return accelerator.Observed{}, nil
	}
	root, err := a.describe(ctx, e.observed.ARN)
	switch {
	case missing(err):
		a.Doubt(key)
		return a.Observe(ctx, key, "")
	case err != nil:
		return accelerator.Observed{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	root.Tags, root.Listeners = e.observed.Tags, e.observed.Listeners
	e.observed = root
	return root.Clone(), nil
}

// missing reports whether AWS says that a resource does not exist.
func missing(err error) bool { return err != nil && awsclient.Classify(err).Class == diag.NotFound }
