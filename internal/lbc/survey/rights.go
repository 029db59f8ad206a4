package survey

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/lbc/checks"
)

// right is a row of the rights that the controller needs.
type right struct {
	group, resources, verbs string // names separated by spaces
	namespaced              bool   // in the controller's own namespace only
	name                    string // empty = all
}

// rights are those of the chart's roles, without those for LoadBalancer objects, BackendTLSPolicies, target control
// agents and the Leases of other namespaces, which the controller does without.
var rights = []right{
	{"", "configmaps", "get", false, ""},
	{"", "configmaps", "create", true, ""},
	{"", "namespaces pods", "get list watch", false, ""},
	{"", "nodes", "list watch", false, ""},
	{"", "events", "create patch", false, ""},
	{"", "pods/status services/status", "patch", false, ""},
	{"", "services", "get list patch watch", false, ""},
	{"discovery.k8s.io", "endpointslices", "list watch", false, ""},
	{"elbv2.k8s.aws", "ingressclassparams", "get list watch", false, ""},
	{"elbv2.k8s.aws", "targetgroupbindings", "create delete get list patch watch", false, ""},
	{"elbv2.k8s.aws", "targetgroupbindings/status", "patch", false, ""},
	{"networking.k8s.io", "ingresses", "get list patch watch", false, ""},
	{"networking.k8s.io", "ingresses/status", "patch", false, ""},
	{"networking.k8s.io", "ingressclasses", "get list watch", false, ""},
	{"gateway.k8s.aws", "listenerruleconfigurations loadbalancerconfigurations targetgroupconfigurations",
		"get list patch watch", false, ""},
	{"gateway.k8s.aws", "listenerruleconfigurations/status", "patch", false, ""},
	{"gateway.networking.k8s.io", "gatewayclasses gateways", "get list patch watch", false, ""},
	{"gateway.networking.k8s.io", "grpcroutes httproutes listenersets tcproutes tlsroutes udproutes referencegrants",
		"get list watch", false, ""},
	{"gateway.networking.k8s.io", "gatewayclasses/status gateways/status grpcroutes/status httproutes/status " +
		"listenersets/status tcproutes/status tlsroutes/status udproutes/status", "patch", false, ""},
	{accelerators, "globalaccelerators", "get list patch watch", false, ""},
	{accelerators, "globalaccelerators/status", "patch", false, ""},
	{"coordination.k8s.io", "leases", "create", true, ""},
}

// accelerators is the group of GlobalAccelerators, to which the controller needs rights where it serves them.
const accelerators = "aga.k8s.aws"

// leaseRights are those to the Lease by which replicas elect their leader.
var leaseRights = right{"coordination.k8s.io", "leases", "get update", true, ""}

// account is the user of a service account.
func account(namespace, name string) string { return "system:serviceaccount:" + namespace + ":" + name }

func (r *reader) rights(ctx context.Context, s state) (put, error) {
	namespace, name := "kube-system", controllerName
	lease := client.ObjectKey{Namespace: namespace, Name: leaseName}
	if len(s.deployments) > 0 {
		lease, _ = electionOf(&s.deployments[0])
		namespace, name = s.deployments[0].Namespace, cmp.Or(s.deployments[0].Spec.Template.Spec.ServiceAccountName,
			"default")
	}
	user := account(namespace, name)
	wanted := expand(lease)
	if !s.config.ServesAccelerators() {
		wanted = slices.DeleteFunc(wanted, func(w checks.Right) bool { return w.Group == accelerators })
	}
	denied := make([]bool, len(wanted))
	err := parallel(ctx, len(wanted), func(ctx context.Context, i int) error {
		w := wanted[i]
		resource, sub, _ := strings.Cut(w.Resource, "/")
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user, Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace,
				"system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{Group: w.Group, Resource: resource, Subresource: sub,
				Verb: w.Verb, Namespace: w.Namespace, Name: w.Name},
		}}
		if err := s.client.Create(ctx, review); err != nil {
			return fmt.Errorf("reviewing the access of %s: %w", user, err)
		}
		denied[i] = !review.Status.Allowed
		return nil
	})
	if err != nil {
		return nil, err
	}
	var missing []checks.Right
	for i, w := range wanted {
		if denied[i] {
			missing = append(missing, w)
		}
	}
	return func(s *state) { s.facts.User, s.facts.Denied = user, missing }, nil
}

// expand makes one right of each resource and verb. Those in the controller's own namespace are in that of its Lease.
func expand(lease client.ObjectKey) (out []checks.Right) {
	own := leaseRights
	own.name = lease.Name
	for _, r := range append(slices.Clone(rights), own) {
		for resource := range strings.FieldsSeq(r.resources) {
			for verb := range strings.FieldsSeq(r.verbs) {
				x := checks.Right{Group: r.group, Resource: resource, Verb: verb, Name: r.name}
				if r.namespaced {
					x.Namespace = lease.Namespace
				}
				out = append(out, x)
			}
		}
	}
	return out
}
