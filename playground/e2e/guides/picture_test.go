package guides

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/harness"
)

var bindingResource = schema.GroupVersionResource{Group: "elbv2.k8s.aws", Version: "v1beta1",
	Resource: "targetgroupbindings"}

// picture is the account and one namespace at a time.
type picture struct {
	aws       simclient.Resources
	health    map[string]account.HealthCheck // by ARN of the target group
	sourceNAT map[string]string              // by ARN of the load balancer
	ingresses map[string]*networkingv1.Ingress
	services  map[string]*corev1.Service
	pods      []corev1.Pod // that are not about to go
	bindings  []*v1beta1.TargetGroupBinding
	gateways  gatewayObjects
	events    []corev1.Event
}

func look(ctx context.Context, c *harness.Cluster, namespace string) (*picture, error) {
	p := &picture{
		aws: c.Simulator.Resources(), health: map[string]account.HealthCheck{}, sourceNAT: map[string]string{},
		ingresses: map[string]*networkingv1.Ingress{}, services: map[string]*corev1.Service{},
	}
	a := c.Simulator.Account
	a.Lock()
	for arn, tg := range a.TargetGroups {
		p.health[arn] = tg.HealthCheck
	}
	for arn, lb := range a.LoadBalancers {
		p.sourceNAT[arn] = lb.SourceNAT
	}
	a.Unlock()
	ingresses, err := c.Client.NetworkingV1().Ingresses(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range ingresses.Items {
		p.ingresses[ingresses.Items[i].Name] = &ingresses.Items[i]
	}
	services, err := c.Client.CoreV1().Services(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range services.Items {
		p.services[services.Items[i].Name] = &services.Items[i]
	}
	pods, err := c.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range pods.Items {
		if pods.Items[i].DeletionTimestamp == nil {
			p.pods = append(p.pods, pods.Items[i])
		}
	}
	if p.bindings, err = bindingsIn(ctx, c, namespace); err != nil {
		return nil, err
	}
	if p.gateways, err = gatewaysIn(ctx, c, namespace); err != nil {
		return nil, err
	}
	events, err := c.Client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	p.events = events.Items
	return p, nil
}

func bindingsIn(ctx context.Context, c *harness.Cluster, namespace string) ([]*v1beta1.TargetGroupBinding, error) {
	list, err := c.Dynamic.Resource(bindingResource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var all []*v1beta1.TargetGroupBinding
	for _, o := range list.Items {
		b := &v1beta1.TargetGroupBinding{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, b); err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// loadBalancer finds a load balancer by the beginning of its name.
func (p *picture) loadBalancer(name string) (simclient.LoadBalancer, bool) {
	for _, lb := range p.aws.LoadBalancers {
		if strings.HasPrefix(lb.Name, name) {
			return lb, true
		}
	}
	return simclient.LoadBalancer{}, false
}

func (p *picture) targetGroup(name string) (simclient.TargetGroup, bool) {
	for _, tg := range p.aws.TargetGroups {
		if tg.Name == name {
			return tg, true
		}
	}
	return simclient.TargetGroup{}, false
}

// group finds a security group by the beginning of its name.
func (p *picture) group(name string) (simclient.SecurityGroup, bool) {
	for _, g := range p.aws.SecurityGroups {
		if strings.HasPrefix(g.Name, name) {
			return g, true
		}
	}
	return simclient.SecurityGroup{}, false
}

func (p *picture) groupID(id string) simclient.SecurityGroup {
	for _, g := range p.aws.SecurityGroups {
		if g.ID == id {
			return g
		}
	}
	return simclient.SecurityGroup{}
}

// podAddresses are those of the pods that a Service selects.
func (p *picture) podAddresses(service string) []string {
	s := p.services[service]
	if s == nil {
		return nil
	}
	var addresses []string
	for _, pod := range p.pods {
		if len(s.Spec.Selector) > 0 && includes(pod.Labels, s.Spec.Selector) && pod.Status.PodIP != "" {
			addresses = append(addresses, pod.Status.PodIP)
		}
	}
	slices.Sort(addresses)
	return addresses
}

// nodePort of "service:port".
func (p *picture) nodePort(service string) int32 {
	name, port, _ := strings.Cut(service, ":")
	if s := p.services[name]; s != nil {
		for _, sp := range s.Spec.Ports {
			if fmt.Sprint(sp.Port) == port {
				return sp.NodePort
			}
		}
	}
	return 0
}

func includes(have, want map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}

// differing are the entries of have that base does not have or has otherwise.
func differing(have, base map[string]string) map[string]string {
	d := map[string]string{}
	for k, v := range have {
		if w, ok := base[k]; !ok || v != w {
			d[k] = v
		}
	}
	return d
}

// problems are what is not as wanted, one line each.
type problems []string

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

// same compares as users would read it.
func (p *problems) same(what string, have, want any) {
	if h, w := fmt.Sprintf("%v", have), fmt.Sprintf("%v", want); h != w {
		p.add("%s: is %s, want %s", what, h, w)
	}
}

func (p *problems) tags(what string, have, want map[string]string) {
	if !maps.Equal(have, want) {
		p.add("tags of %s: are %v, want %v", what, have, want)
	}
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return fmt.Errorf("\n  %s", strings.Join(p, "\n  "))
}
