package guides

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/simclient"
)

const bindingFinalizer = "elbv2.k8s.aws/resources"

// checkStatus compares what users see on the objects.
func (b balancer) checkStatus(ps *problems, p *picture, lb simclient.LoadBalancer) {
	host := strings.ToLower(lb.DNSName)
	if b.gateway != nil {
		b.checkGateway(ps, p, lb)
		return
	}
	for _, name := range b.objects {
		if b.nlb {
			b.checkServiceStatus(ps, p, name, host)
			continue
		}
		i := p.ingresses[name]
		if i == nil {
			ps.add("there is no Ingress %s", name)
			continue
		}
		finalizer := "ingress.k8s.aws/resources"
		if b.group != "" {
			finalizer = "group.ingress.k8s.aws/" + b.group
		}
		ps.same("finalizers of Ingress "+name, i.Finalizers, []string{finalizer})
		want := `{"hostname":"` + host + `","ports":[`
		for n, l := range b.listeners {
			want += strings.Repeat(",", min(n, 1)) + fmt.Sprintf(`{"port":%d,"protocol":""}`, l.port)
		}
		ps.same("status of Ingress "+name, text(i.Status.LoadBalancer.Ingress), "["+want+"]}]")
		ps.succeeded(p, "Ingress", name)
	}
}

func (b balancer) checkServiceStatus(ps *problems, p *picture, name, host string) {
	s := p.services[name]
	if s == nil {
		ps.add("there is no Service %s", name)
		return
	}
	if !slices.Contains(s.Finalizers, "service.k8s.aws/resources") {
		ps.add("finalizers of Service %s: %v", name, s.Finalizers)
	}
	var ports []corev1.PortStatus
	for _, port := range s.Spec.Ports {
		ports = append(ports, corev1.PortStatus{Port: port.Port, Protocol: port.Protocol})
	}
	ps.same("status of Service "+name, text(s.Status.LoadBalancer.Ingress),
		text([]corev1.LoadBalancerIngress{{Hostname: host, Ports: ports}}))
	ps.succeeded(p, "Service", name)
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// succeeded requires the event of success on an object.
func (ps *problems) succeeded(p *picture, kind, name string) {
	for _, e := range p.events {
		if e.InvolvedObject.Kind == kind && e.InvolvedObject.Name == name && e.Reason == "SuccessfullyReconciled" {
			ps.same("event on "+kind+" "+name, e.Type+" "+e.Message, "Normal Successfully reconciled")
			return
		}
	}
	ps.add("%s %s has no event SuccessfullyReconciled", kind, name)
}

// checkBinding compares the TargetGroupBinding that was made for a target group.
func (b balancer) checkBinding(ps *problems, p *picture, tg simclient.TargetGroup, g targetGroup, namespace string) {
	o := b.findBinding(p, tg)
	if o == nil {
		ps.add("no TargetGroupBinding for %s", tg.Name)
		return
	}
	labels := map[string]string{b.owner() + "/stack-namespace": namespace, b.owner() + "/stack-name": b.objects[0]}
	if b.group != "" {
		labels = map[string]string{b.owner() + "/stack": b.group}
	}
	if o.Name != tg.Name || !maps.Equal(o.Labels, labels) {
		ps.add("TargetGroupBinding %s has labels %v, want %s and %v", o.Name, o.Labels, tg.Name, labels)
	}
	service, port, _ := strings.Cut(g.service, ":")
	ps.same("Service of binding "+o.Name, o.Spec.ServiceRef.Name+" "+o.Spec.ServiceRef.Port.String(), service+" "+port)
	want := "null"
	if b.own == nil {
		backend, _ := p.group(backendGroup)
		port := cmp.Or(g.port, p.nodePort(g.service))
		rule := func(protocol string) string {
			return fmt.Sprintf(`{"from":[{"securityGroup":{"groupID":"%s"}}],"ports":[{"protocol":"%s","port":%d}]}`, backend.ID,
				protocol, port)
		}
		rules := rule("TCP")
		if g.protocol == "UDP" { // and what it is checked by
			rules = rule("UDP") + "," + rules
		}
		want = `{"ingress":[` + rules + `]}`
	}
	ps.same("networking of binding "+o.Name, text(o.Spec.Networking), want)
	checkBound(ps, p, o)
}

func (b balancer) findBinding(p *picture, tg simclient.TargetGroup) *v1beta1.TargetGroupBinding {
	for _, o := range p.bindings {
		if o.Spec.TargetGroupARN == tg.ARN {
			return o
		}
	}
	return nil
}

// checkBound is what is true for every binding.
func checkBound(ps *problems, p *picture, o *v1beta1.TargetGroupBinding) {
	ps.same("finalizers of binding "+o.Name, o.Finalizers, []string{bindingFinalizer})
	if g := o.Status.ObservedGeneration; g == nil || *g != o.Generation {
		ps.add("binding %s: the observed generation is %s, want %d", o.Name, text(g), o.Generation)
	}
	ps.succeeded(p, "TargetGroupBinding", o.Name)
}

// check compares a binding that the user made, and its target group.
func (b binding) check(p *picture) (ps problems) {
	tg, ok := p.targetGroup(b.group)
	if !ok {
		ps.add("there is no target group %s", b.group)
		return ps
	}
	for _, o := range p.bindings {
		if o.Name != b.name {
			continue
		}
		kind, port, targets := "ip", int32(8080), p.podAddresses(o.Spec.ServiceRef.Name)
		if b.instance {
			kind, targets = "instance", b.targets
			port = p.nodePort(o.Spec.ServiceRef.Name + ":" + o.Spec.ServiceRef.Port.String())
		} else {
			ps.same("pods", len(targets), b.pods)
		}
		lb, _ := p.loadBalancer("example-lb")
		checkTargets(&ps, lb, tg, targets, port, false)
		ps.same("what the binding's spec was completed with",
			text([]any{o.Spec.TargetType, o.Spec.TargetGroupProtocol, o.Spec.IPAddressType, o.Spec.VpcID, o.Spec.Networking}),
			fmt.Sprintf(`["%s","HTTP","ipv4","vpc-00000000000000001",null]`, kind))
		checkBound(&ps, p, o)
		return ps
	}
	ps.add("there is no TargetGroupBinding %s", b.name)
	return ps
}

// warnings are the controller's Warning events, without those that the row allows, by reason or by code.
func (p *picture) warnings(allowed, passing []string) (all []string) {
	hasCode := func(e corev1.Event) bool {
		return slices.ContainsFunc(passing, func(code string) bool { return strings.HasSuffix(e.Message, "["+code+"]") })
	}
	for _, e := range p.events {
		ours := []string{"ingress", "service", "targetGroupBinding", "gateway.k8s.aws/alb", "gateway.k8s.aws/nlb"}
		if e.Type == corev1.EventTypeWarning && slices.Contains(ours, e.Source.Component) &&
			!slices.Contains(allowed, e.Reason) && !hasCode(e) {
			all = append(all, fmt.Sprintf("%s %s: %s: %s", e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message))
		}
	}
	return all
}
