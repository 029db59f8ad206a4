package former

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lbc/migrate"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Suffix ends the name of a Service that migrate creates in addition to another one.
const Suffix = "-nlb"

// Services translates the Services of type LoadBalancer of a view. One of the cloud provider's controller becomes
// another Service in addition to it: the class of a Service cannot be set while it has this type, and the load balancer
// of another controller cannot be taken over. One of this controller by its older annotations becomes the same Service
// with a class, and its load balancer stays.
func Services(v *objects.View, o Options) migrate.Result {
	var out migrate.Result
	rows := map[annotation.Key]ServiceRow{}
	for _, r := range ServiceRows() {
		rows[r.Key] = r
	}
	for _, svc := range v.Services("") {
		if o.SelectService != nil && !o.SelectService(svc) {
			continue
		}
		t := &translation{result: &out, options: o, rows: rows, from: svc,
			classic: svc.Annotations[string(annotation.ServiceType)] != "nlb"}
		skip := func(why string) {
			out.Skipped = append(out.Skipped, migrate.Skipped{Object: owner.Object(svc).String(), Why: why})
		}
		switch class := svc.Spec.LoadBalancerClass; {
		case svc.DeletionTimestamp != nil:
			skip("it is being deleted")
		case class != nil && *class == t.class():
			skip("it has the class of this controller")
		case class != nil:
			skip("it is of class " + *class + ", which is another controller's")
		case service.Supported(o.Service, svc):
			t.older()
		case svc.Spec.Type != corev1.ServiceTypeLoadBalancer: // has no load balancer
		case slices.Contains([]string{"external", "nlb-ip"}, svc.Annotations[string(annotation.ServiceType)]):
			skip("no controller serves it: write its target type, ip or instance, in " + string(annotation.ServiceTargetType))
		default:
			t.beside(v)
		}
	}
	return finish(&out)
}

// translation is that of one Service.
type translation struct {
	result  *migrate.Result
	options Options
	rows    map[annotation.Key]ServiceRow
	from    *corev1.Service
	classic bool
	to      *corev1.Service
}

func (t *translation) class() string {
	return cmp.Or(t.options.Service.LoadBalancerClass, service.DefaultLoadBalancerClass)
}

func (t *translation) find(s migrate.Severity, field, text, remedy string) {
	t.result.Findings = append(t.result.Findings, migrate.NewFinding(s, owner.Object(t.from), field, text, remedy))
}

func (t *translation) set(k annotation.Key, value string) { t.to.Annotations[string(k)] = value }

// start makes the new Service without what the API server and controllers have set in the former one, and without
// annotations.
func (t *translation) start(name string) {
	s := t.from.Spec.DeepCopy()
	s.Type, s.LoadBalancerClass = corev1.ServiceTypeLoadBalancer, ptr.To(t.class())
	// no controller of AWS reads loadBalancerIP
	s.ClusterIP, s.ClusterIPs, s.HealthCheckNodePort, s.LoadBalancerIP, s.ExternalName = "", nil, 0, "", ""
	for i := range s.Ports {
		s.Ports[i].NodePort = 0
	}
	if s.IPFamilyPolicy == nil { // the families are the cluster's default
		s.IPFamilies = nil
	}
	t.to = &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: t.from.Namespace, Name: name, Labels: maps.Clone(t.from.Labels),
			Annotations: map[string]string{}},
		Spec: *s,
	}
}

func (t *translation) add(before stack.Key, alone string) {
	t.result.Objects = append(t.result.Objects, t.to)
	after := stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: t.to.Namespace, Name: t.to.Name}}
	t.result.Pairs = append(t.result.Pairs, migrate.Pair{
		Before: before, After: after, From: "Service " + t.from.Namespace + "/" + t.from.Name, To: "Service " +
			after.ID.String(), Members: []string{owner.Object(t.from).String()}, Alone: alone,
	})
}

// older gives a Service of this controller its class.
func (t *translation) older() {
	t.start(t.from.Name)
	for k, v := range t.from.Annotations {
		if k != lastApplied && annotation.Key(k) != annotation.ServiceType {
			t.to.Annotations[k] = v
		}
	}
	if t.from.Annotations[string(annotation.ServiceType)] == "nlb-ip" {
		t.set(annotation.ServiceTargetType, "ip")
	}
	t.add(stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: t.from.Namespace, Name: t.from.Name}}, "")
	if t.options.Service.LoadBalancerTypeOnly {
		t.find(migrate.Warning, "spec.loadBalancerClass",
			"the class cannot be set while the Service has type LoadBalancer, and with feature gate "+
				"ServiceTypeLoadBalancerOnly another type has the load balancer deleted",
			"do not change the Service, which is served in the same way, or switch the gate off for this time")
		return
	}
	t.find(migrate.Note, "spec.loadBalancerClass", "the class cannot be set while the Service has type LoadBalancer; it "+
		"is served alike without it",
		fmt.Sprintf("to set it and keep the load balancer: kubectl patch service -n %s %s -p '{\"spec\": {\"type\": "+
			"\"NodePort\"}}', and then apply the output", t.from.Namespace, t.from.Name))
}

// beside makes a Service for this controller that stands next to one of the cloud provider's.
func (t *translation) beside(v *objects.View) {
	name := t.from.Name
	if limit := 63 - len(Suffix); len(name) > limit {
		name = strings.TrimRight(name[:limit], "-")
	}
	name += Suffix
	if _, taken := v.Service(t.from.Namespace, name); taken {
		t.find(migrate.Warning, "metadata.name", "Service "+name+" exists",
			"if it is not an earlier translation of this one, give the new Service another name")
	}
	t.start(name)
	scheme := stack.InternetFacing
	if internal := t.from.Annotations[string(annotation.ServiceInternal)]; internal != "" && internal != "false" {
		scheme = stack.Internal
	}
	t.set(annotation.ServiceScheme, scheme)
	t.set(annotation.ServiceTargetType, "instance")
	for _, k := range slices.Sorted(maps.Keys(t.from.Annotations)) {
		t.annotation(k, t.from.Annotations[k])
	}
	if t.from.Spec.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal {
		checks := networkChecks
		if t.classic {
			checks = classicChecks
		}
		for k, value := range checks {
			if _, ok := t.from.Annotations[string(k)]; !ok {
				t.set(k, value)
			}
		}
	}
	t.of()
	t.add(stack.Key{}, "another controller manages the present load balancer")
}

// annotation translates an annotation by its row.
func (t *translation) annotation(k, value string) {
	switch {
	case k == lastApplied:
		return
	case migrate.OfExternalDNS(k):
		t.find(migrate.Note, annotation.Key(k).Path(), "the new Service does not have it, because external-dns "+
			"would create records for both", "move it to the new Service when you move DNS")
		return
	case !strings.HasPrefix(k, annotation.ServicePrefix):
		t.to.Annotations[k] = value
		return
	}
	row, ok := t.rows[key(k)]
	if !ok {
		t.find(migrate.Warning, annotation.Key(k).Path(),
			"neither the cloud provider's controller nor this one reads annotation "+k+"; the output lacks it",
			"look in docs/annotations.md for an annotation with the same effect")
		return
	}
	treatment := row.Network
	if t.classic {
		treatment = row.Classic
	}
	switch treatment.Fate {
	case Same:
		t.to.Annotations[k] = value
	case Translated:
		t.translate(annotation.Key(k), value)
	case Unread:
		if row.Key != annotation.ServiceScheme || value != t.to.Annotations[k] {
			t.find(migrate.Warning, annotation.Key(k).Path(),
				"the cloud provider's controller does not read annotation "+k+" for this load balancer, and this controller "+
					"would; the output lacks it", "to use the annotation, add it to the new Service")
		}
	case Cannot:
		t.find(migrate.Failed, annotation.Key(k).Path(), treatment.Text, treatment.Remedy)
	case Equivalent:
	}
}

// translate translates an annotation whose value or meaning differs.
func (t *translation) translate(k annotation.Key, value string) {
	switch k { //nolint:exhaustive // the table says which are translated here
	case annotation.ServiceSSLPorts:
		if strings.TrimSpace(value) != "*" {
			t.set(k, value)
		}
	case annotation.ServiceProxyProtocol:
		t.set(k, value)
		t.find(migrate.Warning, k.Path(), "a Classic Load Balancer sends version 1 of the proxy protocol, and a network "+
			"load balancer version 2", "have the pods read version 2 before they get connections of the new load balancer")
	case annotation.ServiceSecurityGroups:
		t.set(k, value)
		t.set(annotation.ServiceManageBackend, "true")
	case annotation.ServiceSSLPolicy:
		t.set(k, value)
		if !strings.HasPrefix(value, "ELBSecurityPolicy-") || value == "ELBSecurityPolicy-2015-02" ||
			value == "ELBSecurityPolicy-2015-03" {
			t.find(migrate.Failed, k.Path(), "network load balancers have no TLS policy "+value,
				"name a policy of network load balancers, such as ELBSecurityPolicy-TLS13-1-2-2021-06")
		}
	case annotation.ServiceHCProtocol:
		if strings.EqualFold(value, "ssl") {
			value = "tcp"
		}
		t.set(k, value)
	case annotation.ServiceBackendProtocol:
		t.backendProtocol(k, value)
	case draining, drainingTimeout:
		if t.from.Annotations[string(draining)] == "true" {
			t.set(annotation.ServiceTGAttributes, "deregistration_delay.timeout_seconds="+
				cmp.Or(t.from.Annotations[string(drainingTimeout)], "300"))
		}
	case idleTimeout:
		t.idleTimeout(k, value)
	}
}

// backendProtocol: a Classic Load Balancer understands HTTP, and a network load balancer only passes it on.
func (t *translation) backendProtocol(k annotation.Key, value string) {
	switch strings.ToLower(value) {
	case "http", "https":
		t.find(migrate.Failed, k.Path(), "a network load balancer forwards connections and does not read HTTP: requests "+
			"get no X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Port, and a connection stays with one target",
			"if the pods need these headers, create an Ingress instead; otherwise, the address of the connection is the "+
				"client's address")
		if strings.EqualFold(value, "https") {
			t.set(k, "ssl")
		}
	default:
		t.set(k, value)
	}
}

// The time-outs for idle connections that TCP listeners may have, in seconds.
const minIdle, maxIdle = 60, 6000

func (t *translation) idleTimeout(k annotation.Key, value string) {
	n, err := strconv.Atoi(value)
	if err != nil || n < minIdle || n > maxIdle {
		t.find(migrate.Failed, k.Path(), fmt.Sprintf("%s is not a time-out of TCP listeners, which have %d to %d seconds",
			value, minIdle, maxIdle), "choose another one in "+string(annotation.ServiceListenerAttributes.For("TCP-PORT"))+
			"; without it, it is 350 seconds")
		return
	}
	for _, p := range t.from.Spec.Ports {
		if t.secure(p) {
			t.find(migrate.Warning, k.Path(), fmt.Sprintf("the listener of port %d is TLS, whose connections end after 350 "+
				"idle seconds in any case", p.Port), "have clients or pods send something more often than that")
			continue
		}
		t.set(annotation.ServiceListenerAttributes.For(fmt.Sprintf("TCP-%d", p.Port)),
			fmt.Sprintf("tcp.idle_timeout.seconds=%d", n))
	}
}

// secure reports whether the listener of a port is TLS.
func (t *translation) secure(p corev1.ServicePort) bool {
	if t.from.Annotations[string(annotation.ServiceCertificates)] == "" {
		return false
	}
	ports := strings.TrimSpace(t.from.Annotations[string(annotation.ServiceSSLPorts)])
	if ports == "" || ports == "*" {
		return true
	}
	return slices.ContainsFunc(strings.Split(ports, ","), func(x string) bool {
		x = strings.TrimSpace(x)
		return x == strconv.Itoa(int(p.Port)) || x == p.Name && x != ""
	})
}

// of reports what no annotation decides: what differs between the two load balancers.
func (t *translation) of() {
	kind := "network load balancer"
	if t.classic {
		kind = "Classic Load Balancer"
	}
	t.find(migrate.Note, "", fmt.Sprintf("the %s of the cloud provider's controller cannot be adopted: Service %s gets "+
		"a new load balancer with another DNS name", kind, t.to.Name),
		"apply it in addition to this Service, shift DNS, and delete this Service when no client uses it; do not change "+
			"its type annotation, because its load balancer would stay in AWS")
	if t.classic {
		t.find(migrate.Warning, "", "pods see the addresses of clients instead of the Classic Load Balancer's addresses",
			"let network policies and the pods' own rules admit the clients; pods that call their own load balancer need "+
				"target group attribute preserve_client_ip.enabled=false")
		if t.from.Annotations[string(annotation.ServiceAccessLog)] == "true" &&
			!slices.ContainsFunc(t.from.Spec.Ports, t.secure) {
			t.find(migrate.Warning, annotation.ServiceAccessLog.Path(),
				"network load balancers log connections of TLS listeners only, and this one has none", "use flow logs of the VPC")
		}
	}
	if len(t.from.Spec.Selector) == 0 {
		t.find(migrate.Failed, "spec.selector", "the Service has no selector, and its EndpointSlices are of its name only",
			"make EndpointSlices for Service "+t.to.Name+", too")
	}
	if len(t.from.Spec.ExternalIPs) > 0 {
		t.find(migrate.Warning, "spec.externalIPs", "the new Service would have the same external addresses",
			"remove them from one of the two")
	}
}
