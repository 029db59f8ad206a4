package gateway

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/configuration"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// ofClasses are what the configuration of the present class sets, and that of the class of the last valid version, even
// if the Gateway names that class no longer.
func (t *translation) ofClasses() func() []intent.ClassSettings {
	names := []string{string(t.Gateway.Spec.GatewayClassName)}
	if t.config.LastClass != nil {
		if last := t.config.LastClass(Object(t.Gateway)); last != "" && last != names[0] {
			names = append(names, last)
		}
	}
	var all []func() intent.ClassSettings
	for _, name := range names {
		class, ok := objects.Lookup[*gatewayv1.GatewayClass](t.view, objects.GatewayClass, "", name)
		if !ok {
			continue
		}
		c, problem := ClassConfiguration(t.view, class)
		if problem == nil && c != nil && !configuration.PrefersGateway(c) {
			all = append(all, func() intent.ClassSettings { return t.ofClass(class, c) })
		}
	}
	if len(all) == 0 {
		return nil
	}
	return func() (out []intent.ClassSettings) {
		for _, of := range all {
			out = append(out, of())
		}
		return out
	}
}

// ofClass is what the configuration of a class sets for a Gateway without any of its own. Ranges that are none are left
// out.
func (t *translation) ofClass(class *gatewayv1.GatewayClass,
	c *configv1.LoadBalancerConfiguration) intent.ClassSettings {
	g := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: t.Gateway.Namespace, Name: t.Gateway.Name,
		UID: t.Gateway.UID}}
	of := &translation{Loaded: &Loaded{Gateway: g, Class: class, Family: t.Family,
		configuration:  configuration.LoadBalancer(c, nil),
		configurations: []*configv1.LoadBalancerConfiguration{nil, c}},
		view: t.view, config: t.config, rules: t.rules, stickiness: map[int32]*stack.Stickiness{}, quic: map[int32]bool{}}
	out := intent.ClassSettings{Class: class.Name, Settings: of.settings(&Decisions{})}
	ranges, lists, _ := of.sources()
	if !slices.ContainsFunc(ranges.Value, func(r string) bool {
		_, _, err := net.ParseCIDR(r)
		return err != nil
	}) {
		out.Listener.InboundCIDRs, out.Listener.NoRanges = ranges, ranges.Set && len(ranges.Value) == 0
	}
	out.Listener.PrefixLists = lists
	configured := of.listenerConfigurations()
	for _, at := range slices.Sorted(maps.Keys(configured)) {
		protocol, port, _ := strings.Cut(string(at), ":")
		n, err := strconv.ParseInt(port, 10, 32)
		if err != nil {
			continue
		}
		l := intent.Listener{Protocol: protocol, Port: int32(n)}
		of.configureListener(&l, configured[at])
		out.Listeners = append(out.Listeners, l)
	}
	return out
}
