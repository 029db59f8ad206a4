package consolesource

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// NamesFrom returns a function that finds the pods and nodes that the targets of a stack are, by address and by id of the instance, in the EndpointSlices
// of its Services and in the nodes. What cannot be read stays without a name.
func NamesFrom(r client.Reader) func(ctx context.Context, s *stack.Stack) map[string]string {
	return func(ctx context.Context, s *stack.Stack) map[string]string {
		names := map[string]string{}
		instances := false
		seen := map[stack.ID]bool{}
		for _, b := range s.Bindings {
			of := stack.ID{Namespace: b.Namespace, Name: b.ServiceName}
			instances = instances || b.TargetType == stack.TargetInstance
			if b.TargetType != stack.TargetIP || seen[of] {
				continue
			}
			seen[of] = true
			var list discoveryv1.EndpointSliceList
			if r.List(ctx, &list, client.InNamespace(of.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: of.Name}, client.UnsafeDisableDeepCopy) != nil {
				continue
			}
			for i := range list.Items {
				for _, e := range list.Items[i].Endpoints {
					for _, address := range e.Addresses {
						if e.TargetRef != nil {
							names[address] = e.TargetRef.Kind + " " + of.Namespace + "/" + e.TargetRef.Name
						}
					}
				}
			}
		}
		var nodes corev1.NodeList
		if instances && r.List(ctx, &nodes, client.UnsafeDisableDeepCopy) == nil {
			for i := range nodes.Items {
				id := nodes.Items[i].Spec.ProviderID
				names[id[strings.LastIndex(id, "/")+1:]] = "Node " + nodes.Items[i].Name
			}
		}
		return names
	}
}
