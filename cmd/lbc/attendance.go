package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/lbc/checks"
	"github.com/k8s-lbc/lbc/internal/lbc/survey"
)

// attendance finds out by the Lease of the leader whether a controller manages LoadBalancer objects. Nothing else says
// so once the controller is gone: the conditions stay as they were.
type attendance struct {
	kube    client.Reader
	config  *config.Config
	now     func() time.Time
	written string // what the status of a LoadBalancer object names as the election of its writer; empty = not known
	blind   bool   // the user may not read the Lease
}

// saw takes the election that the writer of a LoadBalancer object has named.
func (a *attendance) saw(all ...v1alpha1.LoadBalancer) {
	for i := range all {
		if s := all[i].Status.Controller; s != "" {
			a.written = s
			return
		}
	}
}

// missing is why no controller manages LoadBalancer objects; empty = one does, or that is not known. state changes
// while a controller writes the Lease. objectEnds asks about an object that is being deleted, whose finalizer the
// existing controller removes as well.
func (a *attendance) missing(ctx context.Context, objectEnds bool) (why, state string) {
	key, ok := a.lease()
	if !ok || a.blind {
		return "", ""
	}
	l := &coordinationv1.Lease{}
	switch err := a.kube.Get(ctx, key, l); {
	case apierrors.IsNotFound(err) && a.written != "":
		return fmt.Sprintf("Lease %s, by which the controller elects its leader, does not exist", key), "gone"
	case apierrors.IsForbidden(err):
		a.blind = true
		return "", ""
	case err != nil:
		return "", ""
	}
	seen := survey.LeaseOf(l)
	state = seen.Holder + seen.Renewed.String()
	switch {
	case !checks.Abandoned(seen, a.now()):
	case checks.Renewed(seen, a.now()) && objectEnds:
		return "", state
	case checks.Renewed(seen, a.now()):
		return checks.Why(seen, a.now()), seen.Holder // the other controller goes on renewing it
	default:
		return checks.Why(seen, a.now()), state
	}
	return "", state
}

// lease is the Lease that the status of an object or the flags name.
func (a *attendance) lease() (key client.ObjectKey, ok bool) {
	if a.written != "" {
		name, elected := strings.CutPrefix(a.written, "Lease ")
		ns, name, whole := strings.Cut(name, "/")
		return client.ObjectKey{Namespace: ns, Name: name}, elected && whole
	}
	key = client.ObjectKey{Namespace: a.config.LeaderElectionNamespace, Name: a.config.LeaderElectionID}
	return key, key.Namespace != ""
}
