package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// wake is the handler of objects that stacks read: it wakes exactly those that did.
func wake(s *stacks, kind objects.Kind) handler.TypedEventHandler[client.Object, stack.Key] {
	return queue.Handle(func(_ context.Context, before, after client.Object, q queue.Of[stack.Key]) {
		if queue.IsResync(before, after) || !queue.Relevant(before, after) {
			return
		}
		o := queue.Newest(before, after)
		for _, key := range s.index.Affected(kind, o.GetNamespace(), o.GetName()) {
			q.AddAfter(key, queue.Coalesce)
		}
	})
}

// owned wakes the stack whose labels a binding carries, for what others do to it. gone hears of each one that is no more,
// before its stack does.
func owned(owner stack.Owner, gone func(client.Object)) handler.TypedEventHandler[client.Object, stack.Key] {
	return queue.Handle(func(_ context.Context, before, after client.Object, q queue.Of[stack.Key]) {
		if queue.IsResync(before, after) || before == nil || (after != nil && !queue.Relevant(before, after)) {
			return
		}
		if after == nil {
			gone(before)
		}
		if key, ok := kube.OwnerOfBinding(queue.Newest(before, after).GetLabels()); ok && key.Owner == owner {
			q.AddAfter(key, queue.Coalesce)
		}
	})
}

// serviceEvent wakes the stacks of Services that have, or had, load balancers of ours, and those that read the Service. reread
// hears of stacks at resyncs; nil = nobody does.
func (s *stacks) serviceEvent(front front.Service, reread func(stack.Key)) handler.TypedEventHandler[client.Object, stack.Key] {
	return queue.Handle(func(_ context.Context, before, after client.Object, q queue.Of[stack.Key]) {
		again := queue.IsResync(before, after)
		if !again && !queue.Relevant(before, after) {
			return
		}
		o := queue.Newest(before, after)
		for _, key := range s.index.Affected(objects.Service, o.GetNamespace(), o.GetName()) {
			q.AddAfter(key, queue.Coalesce)
		}
		for _, x := range []client.Object{before, after} {
			svc, ok := x.(*corev1.Service)
			if !ok || !service.Supported(front.Config, svc) && !service.PendingFinalization(svc) {
				continue
			}
			key := stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: svc.Namespace, Name: svc.Name}}
			if again && reread != nil {
				reread(key)
			}
			q.AddAfter(key, queue.Coalesce)
		}
	})
}
