package lab

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// groupOfTwo is a group of a victim of namespace shop, and a newcomer of namespace mal.
type groupOfTwo struct {
	Key            stack.Key
	Kind, prefix   string
	existing       string // the annotation that names a load balancer of others
	Idle           string // an annotation of settings, whose edit shows in AWS
	Before, After  string
	Empty          func() client.Object
	Victim, Attack func(annotations map[string]string) []client.Object
}

// GroupsOfTwo are of Ingresses and of Services.
var GroupsOfTwo = map[string]groupOfTwo{
	"Ingresses": {
		Key: FrontGroup, Kind: "Ingress", prefix: "alb.ingress.kubernetes.io/", existing: "existing-load-balancer",
		Idle: "load-balancer-attributes", Before: "idle_timeout.timeout_seconds=70",
		After:  "idle_timeout.timeout_seconds=100",
		Empty:  func() client.Object { return &networkingv1.Ingress{} },
		Victim: func(a map[string]string) []client.Object { return GroupMember("shop", "web", 0, a) },
		Attack: func(a map[string]string) []client.Object { return GroupMember("mal", "evil", 9, a) },
	},
	"Services": {
		Key: SharedServices, Kind: "Service", prefix: "service.beta.kubernetes.io/aws-load-balancer-", existing: "existing",
		Idle: "attributes", Before: "dns_record.client_routing_policy=any_availability_zone",
		After:  "dns_record.client_routing_policy=availability_zone_affinity",
		Empty:  func() client.Object { return &corev1.Service{} },
		Victim: func(a map[string]string) []client.Object { return []client.Object{sharingIn("shop", "web", 0, 80, a)} },
		Attack: func(a map[string]string) []client.Object { return []client.Object{sharingIn("mal", "evil", 9, 90, a)} },
	},
}

func sharingIn(namespace, name string, age int64, port int32, annotations map[string]string) *corev1.Service {
	s := Sharing(name, port)
	s.Namespace, s.CreationTimestamp = namespace, metav1.Unix(1_700_000_000+age, 0)
	for k, v := range annotations {
		s.Annotations["service.beta.kubernetes.io/aws-load-balancer-"+k] = v
	}
	return s
}

// Put sets annotations of an object of the lab, and removes those with an empty value.
func (l *Lab) Put(g groupOfTwo, object string, annotations map[string]string) {
	l.Helper()
	o := g.Empty()
	ns, name, _ := strings.Cut(object, "/")
	l.Must(l.Client.Get(l.Context(), types.NamespacedName{Namespace: ns, Name: name}, o))
	all := o.GetAnnotations()
	for k, v := range annotations {
		if all[g.prefix+k] = v; v == "" {
			delete(all, g.prefix+k)
		}
	}
	o.SetAnnotations(all)
	l.Must(l.Client.Update(l.Context(), o))
}

// Named translates names of annotations to those of the group's kind.
func (g groupOfTwo) Named(annotations map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range annotations {
		if k == "existing-load-balancer" {
			k = g.existing
		}
		out[k] = v
	}
	return out
}
