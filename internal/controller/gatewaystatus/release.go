package gatewaystatus

import (
	"context"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// releaseInterval is the pause between two looks whether the definition of Gateways is being removed.
const releaseInterval = 2 * time.Second

// Release removes the finalizers of Gateways that the API server deletes because their definition is being removed: the
// removal of the definition waits for that. Release deletes nothing in AWS. Passes do not see these deletions
// (package optionalkinds). Gateways that a user deleted before are left to passes, which see those deletions.
type Release struct {
	Config    gateway.Config
	Client    client.Client // reads from the cache
	Live      client.Reader // the API server
	Namespace string        // empty = all
	// Ending reports whether the definition of a kind is being removed.
	Ending func(objects.Kind) bool
	Log    logr.Logger
}

// Start implements manager.Runnable.
func (r *Release) Start(ctx context.Context) error {
	queue.Every(ctx, releaseInterval, nil, r.release)
	return nil
}

func (r *Release) release(ctx context.Context) {
	if !r.Ending(objects.Gateway) {
		return
	}
	list := &gatewayv1.GatewayList{}
	if err := r.Live.List(ctx, list, client.InNamespace(r.Namespace)); err != nil {
		r.Log.Info("the Gateways whose definition is being removed could not be listed; they are listed again", "cause",
			err.Error())
		return
	}
	for i := range list.Items {
		g := &list.Items[i]
		if g.DeletionTimestamp == nil || !slices.ContainsFunc(g.Finalizers, gateway.IsFinalizer) || r.leftToPasses(ctx, g) {
			continue
		}
		_, err := objectwriter.Apply(ctx, r.Client, objectwriter.Write{Object: g, Part: objectwriter.Finalizer,
			Change: func(o client.Object) bool {
				before := o.GetFinalizers()
				after := slices.DeleteFunc(slices.Clone(before), gateway.IsFinalizer)
				o.SetFinalizers(after)
				return len(after) < len(before)
			}})
		if client.IgnoreNotFound(err) != nil {
			r.Log.Info("the finalizer of a Gateway whose definition is being removed could not be removed; it is tried again",
				"gateway", client.ObjectKeyFromObject(g), "cause", err.Error())
			continue
		}
		r.Log.Info("a Gateway is released with its definition; its load balancer in AWS does not change, and a Gateway of "+
			"the same name adopts it", "gateway", client.ObjectKeyFromObject(g))
	}
}

// leftToPasses reports whether passes see the deletion of a Gateway, or another controller manages it. What cannot be
// read is not known to be deleted by a user.
func (r *Release) leftToPasses(ctx context.Context, g *gatewayv1.Gateway) bool {
	cached := &gatewayv1.Gateway{}
	if err := r.Client.Get(ctx, client.ObjectKeyFromObject(g), cached); err == nil && cached.UID == g.UID &&
		cached.DeletionTimestamp != nil {
		return true
	}
	class := &gatewayv1.GatewayClass{}
	err := r.Client.Get(ctx, types.NamespacedName{Name: string(g.Spec.GatewayClassName)}, class)
	return err == nil && !r.Config.Manages(class)
}
