package bindings

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// Limits bound what the networking of a binding opens that no stack planned: ports at which its targets listen, for
// sources that are not wide. What closeNodePorts closes is closed for the bindings of stacks, too.
type Limits struct {
	Allowed allowlist.List // of allowlist.AnyPort and allowlist.AnySource, by namespace
	Planned *Planned
	// HealthPort is the port of the health checks of a binding's target group, 0 if they go to the port of each target; d
	// is why AWS did not say. Nil = there is no other port.
	HealthPort func(ctx context.Context, o *v1beta1.TargetGroupBinding) (port int32, d *diag.Diagnostic)
}

// limit takes from the permissions that a binding asks of each group those which it may not open. Undecided are those
// of which it is not known whether they were opened rightly: they are not opened, and stay where they are.
func (n *Networks) limit(ctx context.Context, o *v1beta1.TargetGroupBinding, need map[string][]stack.Permission,
	of Targets) (
	undecided []stack.Permission, found diag.List) {
	l := n.Limits
	anyPort := l.Allowed.Allow(o.Namespace, allowlist.AnyPort)
	at, wide := Listening(of), l.wide(o)
	exceeds := func(perms []stack.Permission) bool {
		_, beyond := at.Limit(perms)
		return !anyPort && (len(beyond) > 0 || slices.ContainsFunc(perms, sgsync.AllPorts))
	}
	if len(wide) == 0 && !slices.ContainsFunc(slices.Collect(maps.Values(need)), exceeds) || l.Planned.Is(o) {
		return nil, nil
	}
	ofStack, err := n.ofStack(ctx, o)
	if err != nil {
		found = NetworkProblem(o, diag.EndpointNotResolved, err)
	}
	pending := err != nil || ofStack && !l.Planned.Elsewhere(o) // its stack writes what it plans
	var unread *diag.Diagnostic
	if !ofStack && err == nil && !anyPort && l.HealthPort != nil {
		if at.Health, unread = l.HealthPort(ctx, o); unread != nil {
			unread.Path = "spec.networking"
			found = append(found, *unread)
		}
	}
	var closed []stack.Permission // for their ports
	for _, group := range slices.Sorted(maps.Keys(need)) {
		perms := need[group]
		within, beyond := perms, []stack.Permission(nil)
		if !anyPort {
			within, beyond = at.Limit(perms)
		}
		narrow := slices.Clone(within)
		for k, p := range narrow {
			if wide[p.CIDR+p.IPv6CIDR] {
				narrow[k].Description = sgsync.NotAllowed
			}
		}
		need[group], closed = narrow, append(closed, beyond...)
		if pending {
			undecided = append(undecided, perms...)
		} else if unread != nil {
			undecided = append(undecided, slices.DeleteFunc(slices.Clone(perms), func(p stack.Permission) bool {
				return wide[p.CIDR+p.IPv6CIDR]
			})...)
		}
	}
	if pending {
		return undecided, found
	}
	if unread == nil {
		found = append(found, closedPorts(o, closed, at)...)
	}
	return undecided, append(found, closedSources(o, wide)...)
}

// wide are the ranges that a binding names and that its namespace may not admit.
func (l Limits) wide(o *v1beta1.TargetGroupBinding) map[string]bool {
	if l.Allowed.Allow(o.Namespace, allowlist.AnySource) {
		return nil
	}
	return wideSources(o)
}

// ToTargets returns the permissions of all sources that a binding names, and may admit, to each port of its targets.
// asked are all permissions that it may ask for, of whichever endpoints.
func (n *Networks) ToTargets(ctx context.Context, o *v1beta1.TargetGroupBinding, of Targets) (out,
	asked []stack.Permission) {
	perms, unclear, _ := n.Permissions(ctx, o, nil)
	asked = slices.Concat(perms, unclear)
	wide, seen := n.Limits.wide(o), map[stack.Permission]bool{}
	for _, p := range asked {
		p.FromPort, p.ToPort = 0, 65535
		if !seen[p] && (!wide[p.CIDR+p.IPv6CIDR] || n.Limits.Planned.Is(o)) {
			out = append(out, p)
		}
		seen[p] = true
	}
	out, _ = Listening(of).Limit(out)
	return out, asked
}

// HealthPort returns the port to which a target group has its health checks sent, 0 if that is the port of each target.
func HealthPort(tg elbtypes.TargetGroup) int32 {
	port, err := strconv.ParseInt(aws.ToString(tg.HealthCheckPort), 10, 32)
	if err != nil { // "traffic-port"
		return 0
	}
	return int32(port)
}

// ofStack reports whether the target group of a binding is one of a stack, so that the stack decides about its
// networking.
func (n *Networks) ofStack(ctx context.Context, o *v1beta1.TargetGroupBinding) (bool, error) {
	if o.Spec.IamRoleArnToAssume != "" { // the controller's own role cannot read the tags of another account's
		return false, nil
	}
	owner, err := n.Inventory.TargetGroupOwner(ctx, o.Spec.TargetGroupARN)
	if err != nil && awsclient.Classify(err).Class == diag.Denied { // what is not known to be of a stack is a user's
		return false, nil
	}
	return !owner.External(), err
}

// Listening returns the ports of endpoints.
func Listening(of Targets) (l sgsync.Listening) {
	for _, e := range of.Endpoints.All() {
		if port := cmp.Or(e.Port, of.Port); !slices.Contains(l.Ports, port) {
			l.Ports = append(l.Ports, port)
		}
	}
	slices.Sort(l.Ports)
	return l
}

// wideSources are the ranges of a binding that admit too much of the internet, as permissions write them.
func wideSources(o *v1beta1.TargetGroupBinding) map[string]bool {
	if o.Spec.Networking == nil {
		return nil
	}
	var ranges []netip.Prefix
	for _, rule := range o.Spec.Networking.Ingress {
		for _, from := range rule.From {
			if p, err := netip.ParsePrefix(sgsync.PeerOf(from).CIDR); err == nil {
				ranges = append(ranges, p)
			}
		}
	}
	out := map[string]bool{}
	for _, p := range sgsync.Wide(ranges) {
		out[p.String()] = true
	}
	return out
}

// WideSources returns the finding that the networking of a binding of a user names ranges which its namespace may not.
func WideSources(allowed allowlist.List, o *v1beta1.TargetGroupBinding) diag.List {
	if allowed.Allow(o.Namespace, allowlist.AnySource) {
		return nil
	}
	return closedSources(o, wideSources(o))
}

// closedSources is the finding that ranges are not admitted.
func closedSources(o *v1beta1.TargetGroupBinding, wide map[string]bool) diag.List {
	if len(wide) == 0 {
		return nil
	}
	return diag.List{
		diag.New(bindingobject.BindingObject(o), firstPath(o, func(at string, rule v1beta1.NetworkingIngressRule) string {
			for k, from := range rule.From {
				if p, err := netip.ParsePrefix(sgsync.PeerOf(from).CIDR); err == nil && wide[p.Masked().String()] {
					return fmt.Sprintf("%s.from[%d].ipBlock.cidr", at, k)
				}
			}
			return ""
		}), diag.NetworkingNotAllowed,
			fmt.Sprintf("the security groups of nodes and pods do not admit %s: a binding of namespace %s may admit public "+
				"ranges no wider than /%d (IPv4) and /%d (IPv6)",
				diag.Some(slices.Sorted(maps.Keys(wide))), o.Namespace, sgsync.PublicIPv4, sgsync.PublicIPv6),
			fmt.Sprintf("name the load balancer's security group, its subnets or the clients; an administrator can allow "+
				"any source with --binding-networking=%s=%s", o.Namespace, allowlist.AnySource))}
}

// closedPorts is the finding that ports are not opened.
func closedPorts(o *v1beta1.TargetGroupBinding, closed []stack.Permission, at sgsync.Listening) diag.List {
	if len(closed) == 0 {
		return nil
	}
	var ports []int32
	for _, p := range closed {
		if !slices.Contains(ports, p.FromPort) {
			ports = append(ports, p.FromPort)
		}
	}
	slices.Sort(ports)
	return diag.List{
		diag.New(bindingobject.BindingObject(o), pathOfPort(o, ports), diag.NetworkingNotAllowed,
			fmt.Sprintf("the controller does not open port %s in security groups of nodes and pods: targets of the binding "+
				"listen at %s",
				diag.Some(texts(ports)), diag.Some(texts(at.Ports))),
			fmt.Sprintf("name a port at which targets listen, or omit field port to open every such port; an "+
				"administrator can allow any port with --binding-networking=%s=%s", o.Namespace, allowlist.AnyPort))}
}

// FormerRulesStay returns the finding that the networking of a binding names a source for no port of its targets, and
// that the former rules of the source stay.
func FormerRulesStay(o *v1beta1.TargetGroupBinding, at sgsync.Listening) diag.Diagnostic {
	return diag.New(bindingobject.BindingObject(o), "spec.networking", diag.InvalidNetworking,
		fmt.Sprintf("a peer of spec.networking reaches no port at which targets listen, %s; its former rules to these "+
			"ports stay, as an edit may have misspelt the port", diag.Some(texts(at.Ports))),
		"name a port of the targets; to close the former one, remove the peer")
}

// pathOfPort is the first place in the networking of a binding that names one of ports by its number.
func pathOfPort(o *v1beta1.TargetGroupBinding, ports []int32) string {
	return firstPath(o, func(path string, rule v1beta1.NetworkingIngressRule) string {
		for j, p := range rule.Ports {
			if p.Port != nil && p.Port.StrVal == "" && slices.Contains(ports, p.Port.IntVal) {
				return fmt.Sprintf("%s.ports[%d].port", path, j)
			}
		}
		return ""
	})
}

// firstPath is the first place in the networking of a binding that matches.
func firstPath(o *v1beta1.TargetGroupBinding, match func(at string, rule v1beta1.NetworkingIngressRule) string) string {
	for i, rule := range o.Spec.Networking.Ingress {
		if path := match(fmt.Sprintf("spec.networking.ingress[%d]", i), rule); path != "" {
			return path
		}
	}
	return "spec.networking"
}

func texts(ports []int32) (out []string) {
	for _, p := range ports {
		out = append(out, strconv.Itoa(int(p)))
	}
	return out
}
