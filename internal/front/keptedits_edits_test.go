package front

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/facts"
)

// backendEdit changes a Service that others refer to.
func (t tenants) backendEdit() edit {
	name := t.pick("Service", "Service/web", "Service/api", "Service/web of b", "Service/api of b")
	changes := map[string]func(s served, svc *corev1.Service){
		"removed":       func(s served, _ *corev1.Service) { delete(s.objects, name) },
		"without ports": func(_ served, svc *corev1.Service) { svc.Spec.Ports = nil },
		"another port": func(_ served, svc *corev1.Service) {
			svc.Spec.Ports[0].Port,
				svc.Spec.Ports[0].Name = 8088, "other"
		},
		"UDP": func(_ served, svc *corev1.Service) { svc.Spec.Ports[0].Protocol = corev1.ProtocolUDP },
		"h2c": func(_ served,
			svc *corev1.Service) {
			svc.Spec.Ports[0].AppProtocol = ptr.To("kubernetes.io/h2c")
		},
		"ClusterIP": func(_ served, svc *corev1.Service) {
			svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeClusterIP, 0
		},
		"headless": func(_ served, svc *corev1.Service) {
			svc.Spec.Type, svc.Spec.ClusterIP = corev1.ServiceTypeClusterIP, "None"
		},
		"without pods": func(_ served, svc *corev1.Service) { svc.Spec.Selector = nil },
		"ExternalName": func(_ served, svc *corev1.Service) {
			svc.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "x.test"}
		},
		"named targets": func(_ served,
			svc *corev1.Service) {
			svc.Spec.Ports[0].TargetPort = intstr.FromString("http")
		},
		"IPv6": func(_ served, svc *corev1.Service) {
			svc.Spec.IPFamilies = []corev1.IPFamily{
				corev1.IPv6Protocol}
		},
		"another target": func(_ served, svc *corev1.Service) { svc.Spec.Ports[0].TargetPort = intstr.FromInt32(9999) },
		"a load balancer": func(_ served, svc *corev1.Service) {
			svc.Spec.Type, svc.Spec.LoadBalancerClass = corev1.ServiceTypeLoadBalancer, ptr.To("service.k8s.aws/nlb")
		},
	}
	what := t.pick("change", slices.Sorted(maps.Keys(changes))...)
	return edit{name: name + " " + what, make: func(s served) {
		if svc := sceneObject[*corev1.Service](s, name); svc != nil && len(svc.Spec.Ports) > 0 {
			changes[what](s, svc)
		}
	}}
}

// classOf is the class of served Ingresses, or any one if it is removed.
func classOf(s served) *networkingv1.IngressClass {
	return cmp.Or(sceneObject[*networkingv1.IngressClass](s, "IngressClass/alb"), &networkingv1.IngressClass{})
}

// classEdit changes the class of Ingresses, or what it refers to. fieldEdit changes its parameters.
func (t tenants) classEdit() edit {
	parameters := func(group, kind, name string) func(served) {
		return func(s served) {
			classOf(s).Spec.Parameters = &networkingv1.IngressClassParametersReference{APIGroup: &group, Kind: kind, Name: name}
		}
	}
	changes := map[string]func(served){
		"class removed":              func(s served) { delete(s.objects, "IngressClass/alb") },
		"parameters removed":         func(s served) { delete(s.objects, "IngressClassParams/alb") },
		"other parameters":           parameters("elbv2.k8s.aws", "IngressClassParams", "other"),
		"parameters of another kind": parameters("", "ConfigMap", "alb"),
		"a misspelt controller":      func(s served) { classOf(s).Spec.Controller = "ingress.k8s.aws/alp" },
	}
	what := t.pick("change", slices.Sorted(maps.Keys(changes))...)
	return edit{name: what, make: changes[what]}
}

// ingressEdit changes the spec of an Ingress.
func (t tenants) ingressEdit() edit {
	on := t.pick("Ingress", "Ingress/one", "Ingress/two", "Ingress/three", "Ingress/four")
	host := t.pick("host", "10.0.0.1", "a..b", "*", "*.*.test", strings.Repeat("a", 200))
	odd := t.pick("path", "a", "/a b", "/"+strings.Repeat("a", 200), "/[", "/ä", "/*/*/*/*/*/*")
	path := func(change func(*networkingv1.HTTPIngressPath)) func(*networkingv1.Ingress) {
		return func(i *networkingv1.Ingress) {
			if p := &i.Spec.Rules[0].HTTP.Paths[0]; p.Backend.Service != nil {
				change(p)
			}
		}
	}
	changes := map[string]func(*networkingv1.Ingress){
		"class missing": func(i *networkingv1.Ingress) { i.Spec.IngressClassName = ptr.To("missing") },
		"host": func(i *networkingv1.Ingress) {
			i.Spec.Rules[0].Host = host
		},
		"path": path(func(p *networkingv1.HTTPIngressPath) {
			p.Path = odd
		}),
		"path type":    path(func(p *networkingv1.HTTPIngressPath) { p.PathType = ptr.To(networkingv1.PathType("Odd")) }),
		"no path type": path(func(p *networkingv1.HTTPIngressPath) { p.PathType = nil }),
		"Service":      path(func(p *networkingv1.HTTPIngressPath) { p.Backend.Service.Name = "missing" }),
		"port": path(func(p *networkingv1.HTTPIngressPath) {
			p.Backend.Service.Port = networkingv1.ServiceBackendPort{Number: 9}
		}),
		"port by name": path(func(p *networkingv1.HTTPIngressPath) {
			p.Backend.Service.Port = networkingv1.ServiceBackendPort{Name: "missing"}
		}),
		"no port": path(func(p *networkingv1.HTTPIngressPath) {
			p.Backend.Service.Port = networkingv1.ServiceBackendPort{}
		}),
		"no Service": path(func(p *networkingv1.HTTPIngressPath) { p.Backend.Service = nil }),
		"a resource": path(func(p *networkingv1.HTTPIngressPath) {
			p.Backend = networkingv1.IngressBackend{Resource: &corev1.TypedLocalObjectReference{Kind: "Bucket", Name: "x"}}
		}),
		"missing action": path(func(p *networkingv1.HTTPIngressPath) {
			p.Backend.Service = &networkingv1.IngressServiceBackend{Name: "missing",
				Port: networkingv1.ServiceBackendPort{Name: "use-annotation"}}
		}),
		"default": func(i *networkingv1.Ingress) {
			i.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
				Name: "missing", Port: networkingv1.ServiceBackendPort{Number: 1}}}
		},
		"TLS": func(i *networkingv1.Ingress) {
			i.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{"nowhere.example"}, SecretName: "missing"}}
		},
	}
	what := t.pick("change", slices.Sorted(maps.Keys(changes))...)
	return edit{name: on + " " + what, asks: what == "host" || what == "path" || what == "no path type" ||
		what == "default", make: func(s served) {
		if i := sceneObject[*networkingv1.Ingress](s, on); i != nil {
			changes[what](i)
		}
	}}
}

// accountEdit changes what AWS says of what objects name.
func (t tenants) accountEdit() edit {
	changes := map[string]func(*facts.Facts){
		"certificate gone": func(f *facts.Facts) { delete(f.Certificates, accountCertificate) },
		"certificate expired": func(f *facts.Facts) {
			f.Certificates[accountCertificate] = facts.Certificate{ARN: accountCertificate, Status: "EXPIRED", Domains: []string{
				"a.test", "*.a.test"}}
		},
		"certificates for others": func(f *facts.Facts) {
			f.Certificates = map[string]facts.Certificate{otherCertificate: f.Certificates[otherCertificate]}
		},
		"subnets gone":  func(f *facts.Facts) { f.Subnets = map[string]facts.Subnet{} },
		"subnet gone":   func(f *facts.Facts) { delete(f.Subnets, "subnet-a") },
		"group gone":    func(f *facts.Facts) { f.SecurityGroups = map[string]facts.SecurityGroup{} },
		"web ACLs gone": func(f *facts.Facts) { f.WebACLs = map[string]string{} },
		"few target groups": func(f *facts.Facts) {
			f.Limits = map[string]int{"target-groups-per-application-load-balancer": 1}
		},
	}
	what := t.pick("change of the account", slices.Sorted(maps.Keys(changes))...)
	return edit{name: what, make: func(s served) { *s.account = append(*s.account, changes[what]) }}
}

// secretEdit changes the Secret of a login.
func (t tenants) secretEdit() edit {
	if rapid.Bool().Draw(t.T, "removed") {
		return edit{name: "Secret removed", make: func(s served) { delete(s.objects, "Secret/idp") }}
	}
	return edit{name: "Secret emptied", make: func(s served) {
		if secret := sceneObject[*corev1.Secret](s, "Secret/idp"); secret != nil {
			secret.Data = map[string][]byte{"clientID": nil}
		}
	}}
}

// serviceEdit changes the spec of a Service that has a network load balancer.
func (t tenants) serviceEdit() edit {
	changes := map[string]func(svc *corev1.Service){
		"a protocol that AWS lacks": func(svc *corev1.Service) { svc.Spec.Ports[0].Protocol = corev1.ProtocolSCTP },
		"UDP":                       func(svc *corev1.Service) { svc.Spec.Ports[0].Protocol = corev1.ProtocolUDP },
		"two protocols of a port": func(svc *corev1.Service) {
			svc.Spec.Ports = append(svc.Spec.Ports, corev1.ServicePort{Name: "more", Port: svc.Spec.Ports[0].Port,
				Protocol: corev1.ProtocolUDP, TargetPort: intstr.FromInt32(1), NodePort: 31000})
		},
		"without node ports": func(svc *corev1.Service) {
			svc.Spec.AllocateLoadBalancerNodePorts = ptr.To(false)
			for i := range svc.Spec.Ports {
				svc.Spec.Ports[i].NodePort = 0
			}
		},
		"port of others": func(svc *corev1.Service) {
			svc.Spec.Ports = append(svc.Spec.Ports, corev1.ServicePort{Name: "more", Port: 90,
				Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(1), NodePort: 31000})
		},
		"invalid ranges": func(svc *corev1.Service) { svc.Spec.LoadBalancerSourceRanges = []string{"x"} },
		"IPv6":           func(svc *corev1.Service) { svc.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol} },
		"named targets":  func(svc *corev1.Service) { svc.Spec.Ports[0].TargetPort = intstr.FromString("x") },
		"no selector":    func(svc *corev1.Service) { svc.Spec.Selector = nil },
		"an address":     func(svc *corev1.Service) { svc.Spec.LoadBalancerIP = "10.0.0.1" },
	}
	what := t.pick("change", slices.Sorted(maps.Keys(changes))...)
	return edit{name: what, make: func(s served) { changes[what](sceneObject[*corev1.Service](s, "Service/one")) }}
}

// namesInValues are the names in values of annotations that a typing error makes unknown: members, and fields of
// conditions.
var namesInValues = regexp.MustCompile(`"([A-Za-z]{3,})":|"field":"([a-z-]+)"`)

// typo swaps two letters of a name in an annotation of an object: in its key, or in its value.
func (t tenants) typo(s served, on string) edit {
	o := s.objects[on]
	if o == nil || len(o.GetAnnotations()) == 0 {
		return edit{name: "no typo", typo: true, make: func(served) {}}
	}
	key := t.pick("annotation", slices.Sorted(maps.Keys(o.GetAnnotations()))...)
	value := o.GetAnnotations()[key]
	of, inKey := key, true
	from, to := strings.LastIndex(key, "/")+1, len(key)
	if at := strings.Index(key, "aws-load-balancer-"); at >= 0 {
		from = at + len("aws-load-balancer-")
	}
	names := namesInValues.FindAllStringSubmatchIndex(value, -1)
	if len(names) > 0 && rapid.Bool().Draw(t.T, "in the value") {
		of, inKey = value, false
		name := names[rapid.IntRange(0, len(names)-1).Draw(t.T, "name")]
		if from, to = name[2], name[3]; from < 0 {
			from, to = name[4], name[5]
		}
	}
	at := rapid.IntRange(from, to-2).Draw(t.T, "letter")
	for ; at > from && of[at] == of[at+1]; at-- {
	}
	typed := of[:at] + of[at+1:at+2] + of[at:at+1] + of[at+2:]
	return edit{name: on + " " + key + ": " + typed, typo: true, make: func(s served) {
		o := s.objects[on]
		if o == nil || o.GetAnnotations()[key] != value {
			return
		}
		all := o.GetAnnotations()
		if delete(all, key); inKey {
			all[typed] = value
		} else {
			all[key] = typed
		}
	}}
}
