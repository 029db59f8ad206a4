package bench

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// largeApp is the Service with many pods, and podsOfSlice is how many of them an EndpointSlice has.
const (
	largeApp    = "large"
	podsOfSlice = 100
)

// amongPods has an endpoint go and come among more and more of one Service.
func amongPods(ctx context.Context, s *session, r *Result) error {
	w := s.work
	if _, err := w.client.CoreV1().Services(namespace).Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{
		Name: largeApp}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": largeApp},
		Ports: []corev1.ServicePort{servicePort(firstPort, 80)}}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := w.createObject(ctx, ingress(largeApp, largeApp, "")); err != nil {
		return err
	}
	var all [][]discoveryv1.Endpoint
	for _, n := range podSteps {
		for len(all)*podsOfSlice < n {
			more, err := w.grow(ctx, largeApp, podsOfSlice)
			if err != nil {
				return err
			}
			if _, err := w.client.DiscoveryV1().EndpointSlices(namespace).Create(ctx, w.part(len(all), more),
				metav1.CreateOptions{}); err != nil {
				return err
			}
			all = append(all, more)
		}
		if err := s.idle(ctx, settled); err != nil {
			return err
		}
		set := func(ready bool) func(context.Context, *session, int) error {
			return func(ctx context.Context, _ *session, _ int) error {
				of := all[len(all)/2]
				if !ready {
					of = of[1:]
				}
				_, err := w.client.DiscoveryV1().EndpointSlices(namespace).Update(ctx, w.part(len(all)/2, of),
					metav1.UpdateOptions{})
				return err
			}
		}
		pair := func(ctx context.Context, s *session, i int) error { return set(i%2 == 1)(ctx, s, i) }
		if err := s.eventCosts(ctx, r, n, []event{{"an endpoint goes or comes", pair},
			{"status of a pod", func(ctx context.Context, s *session, i int) error {
				return w.heartbeatOfPod(ctx, all[0][i].TargetRef.Name)
			}}, {"touch its Ingress", func(ctx context.Context, s *session, i int) error {
				return w.edit(ctx, annotation(ingressResource, largeApp, "example.com/touched", fmt.Sprint(n, i)))
			}}}); err != nil {
			return err
		}
		if err := set(true)(ctx, s, 0); err != nil {
			return err
		}
	}
	return nil
}

// part is one of the EndpointSlices of the large Service.
func (w *workload) part(i int, endpoints []discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	out := w.slice(largeApp, endpoints)
	out.Name = fmt.Sprintf("%s-%d", largeApp, i)
	return out
}

// amongNodes has events of a node happen among more and more target groups of as many nodes.
func amongNodes(ctx context.Context, s *session, r *Result) error {
	w := s.work
	all := w.nodes
	for _, n := range all { // the first step has few
		if err := w.client.CoreV1().Nodes().Delete(ctx, n.Name, metav1.DeleteOptions{}); err != nil {
			return err
		}
	}
	have, services := 0, 0
	for _, n := range nodeSteps {
		for ; have < n-1; have++ { // the last one comes and goes
			if err := w.createNode(ctx, all[have]); err != nil {
				return err
			}
		}
		for ; services < n; services++ {
			if _, err := w.client.CoreV1().Services(namespace).Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{
				Name: nodePort(services)}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort,
				Selector: map[string]string{"app": app(services)}, Ports: []corev1.ServicePort{servicePort(firstPort, 80)}}},
				metav1.CreateOptions{}); err != nil {
				return err
			}
		}
		if err := s.create(ctx, nodePorts, n); err != nil {
			return err
		}
		if err := s.idle(ctx, settled); err != nil {
			return err
		}
		one, another := all[0].Name, all[n-1]
		if err := s.eventCosts(ctx, r, n, []event{
			{"label of a node", func(ctx context.Context, s *session, _ int) error {
				return w.label(ctx, corev1.SchemeGroupVersion.WithResource("nodes"), "", one)
			}},
			{"heartbeat of a node", func(ctx context.Context, s *session, _ int) error {
				return w.heartbeatOfNode(ctx, one, corev1.ConditionTrue)
			}},
			{"a node comes or goes", func(ctx context.Context, s *session, i int) error {
				if i%2 == 0 {
					return w.createNode(ctx, another)
				}
				return w.client.CoreV1().Nodes().Delete(ctx, another.Name, metav1.DeleteOptions{})
			}},
			{"a node is not ready, or again", func(ctx context.Context, s *session, i int) error {
				return w.heartbeatOfNode(ctx, one, []corev1.ConditionStatus{corev1.ConditionUnknown, corev1.ConditionTrue}[i%2])
			}},
		}); err != nil {
			return err
		}
		if err := w.client.CoreV1().Nodes().Delete(ctx, another.Name, metav1.DeleteOptions{}); err != nil {
			return err
		}
		peak, err := s.control.peak()
		if err != nil {
			return err
		}
		s.o.Progress(fmt.Sprintf("  peak %d MiB", peak>>20))
	}
	return nil
}
