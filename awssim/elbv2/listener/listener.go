// Package listener is the actions on listeners and their rules: protocols, certificates, security policies, attributes,
// priorities, and which target groups actions may name. Conditions and actions of rules are in elbv2/routing; of elbv2
// it imports routing, targetgroup, attribute, request and check.
package listener

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/awssim/elbv2/routing"
	"github.com/k8s-lbc/lbc/awssim/elbv2/targetgroup"
)

// Listeners answers the actions on listeners, rules, certificates and security policies.
type Listeners struct {
	account *account.Account
	entry   call.Entry
}

// New is the actions over the account of e.
func New(e call.Entry) *Listeners { return &Listeners{account: e.Account, entry: e} }

// listenerSettings is what a listener does, apart from its rules, attributes and tags.
type listenerSettings struct {
	port        int32
	protocol    string
	certificate string
	policy      string
	alpn        string
	mutual      account.MutualTLS
	actions     []account.Action
}

func settingsOfListener(l *account.Listener) listenerSettings {
	return listenerSettings{l.Port, l.Protocol, l.Certificate, l.SSLPolicy, l.ALPN, l.MutualTLS, l.Default().Actions}
}

// CreateListener creates a listener with its default rule, or answers the one on the port if it has the same settings.
func (s *Listeners) CreateListener(ctx context.Context, in *elb.CreateListenerInput, _ ...func(*elb.Options)) (
	*elb.CreateListenerOutput, error) {
	return call.Write(ctx, s.entry, "CreateListener", in, s.createListener)
}

func (s *Listeners) createListener(in *elb.CreateListenerInput) (*elb.CreateListenerOutput, error) {
	tags, err := request.NewTags(in.Tags)
	if err := check.First(check.Present("loadBalancerArn", in.LoadBalancerArn),
		check.Some("defaultActions", in.DefaultActions),
		check.OneOf("protocol", in.Protocol, in.Protocol.Values()), check.Between("port", in.Port, 1, 65535),
		err); err != nil {
		return nil, err
	}
	lb, err := request.FindLoadBalancer(s.account, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	want := listenerSettings{port: aws.ToInt32(in.Port), protocol: string(in.Protocol)}
	if lb.Type == request.Gateway {
		err = check.When(in.Port != nil || in.Protocol != "",
			check.Invalid("A listener protocol and port cannot be specified for load balancers with type 'gateway'"))
	} else {
		err = check.First(check.When(in.Protocol == "", check.Invalid("A listener protocol must be specified")),
			check.When(in.Port == nil, check.Invalid("A listener port must be specified")))
	}
	if err != nil {
		return nil, err
	}
	if err := s.setTLS(lb, nil, &want, tlsInput{in.Certificates, in.SslPolicy, in.AlpnPolicy,
		in.MutualAuthentication}); err != nil {
		return nil, err
	}
	if want.actions, err = routing.Actions(s.account, lb.Type, in.DefaultActions, nil); err != nil {
		return nil, err
	}
	if err := s.fit(lb, want.protocol, want.actions); err != nil {
		return nil, err
	}
	if have := lb.Listener(want.port); have != nil {
		if !settingsOfListener(have).same(want) {
			return nil, duplicateListener(lb)
		}
		return &elb.CreateListenerOutput{Listeners: []types.Listener{describeListener(have)}}, nil
	}
	if err := s.associable(lb, want.actions, nil); err != nil {
		return nil, err
	}
	if most := s.maxListeners(lb.Type); len(lb.Listeners) >= most {
		return nil, apierr.New("TooManyListeners", "The maximum number of listeners per load balancer, '%d', "+
			"has been reached", most)
	}
	path := "listener/" + request.TypePath[lb.Type] + "/" + lb.Name + "/" + lb.ID
	l := &account.Listener{LoadBalancer: lb, ID: s.account.NewBalancingID(path), Tags: tags}
	l.ARN = s.account.BalancingARN(path + "/" + l.ID)
	setListener(l, want)
	l.Attributes = listenerAttributes.Complete(l, nil)
	r := &account.Rule{Listener: l, Default: true, Actions: want.actions}
	s.identifyRule(r)
	s.account.AddListener(l, r)
	return &elb.CreateListenerOutput{Listeners: []types.Listener{describeListener(l)}}, nil
}

func duplicateListener(lb *account.LoadBalancer) error {
	return apierr.New("DuplicateListener", "A listener already exists on this port for this load balancer '%s'", lb.ARN)
}

func (s *Listeners) maxListeners(lbType string) int {
	switch lbType {
	case request.Application:
		return s.account.Quota(request.QuotaListenersPerALB)
	case request.Network:
		return s.account.Quota(request.QuotaListenersPerNLB)
	}
	return 1
}

// setListener gives a listener its settings, the actions aside.
func setListener(l *account.Listener, want listenerSettings) {
	l.Port, l.Protocol, l.Certificate, l.SSLPolicy, l.ALPN, l.MutualTLS = want.port, want.protocol, want.certificate,
		want.policy, want.alpn, want.mutual
}

// ModifyListener changes a listener; what is not given stays, as far as the protocol has it.
func (s *Listeners) ModifyListener(ctx context.Context, in *elb.ModifyListenerInput, _ ...func(*elb.Options)) (
	*elb.ModifyListenerOutput, error) {
	return call.Write(ctx, s.entry, "ModifyListener", in, s.modifyListener)
}

func (s *Listeners) modifyListener(in *elb.ModifyListenerInput) (*elb.ModifyListenerOutput, error) {
	if err := check.First(check.Present("listenerArn", in.ListenerArn), check.OneOf("protocol", in.Protocol,
		in.Protocol.Values()), check.Between("port", in.Port, 1, 65535)); err != nil {
		return nil, err
	}
	l, err := request.FindListener(s.account, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	lb, want := l.LoadBalancer, settingsOfListener(l)
	if lb.Type == request.Gateway && (in.Port != nil || in.Protocol != "") {
		return nil, check.Invalid("A listener protocol and port cannot be specified for load balancers with type 'gateway'")
	}
	want.protocol = cmp.Or(string(in.Protocol), want.protocol)
	if in.Port != nil {
		want.port = *in.Port
	}
	if in.Certificates != nil && len(in.Certificates) == 0 && secure(want.protocol) {
		return nil, check.Invalid("A certificate must be specified for %s listeners", want.protocol)
	}
	if err := s.setTLS(lb, l, &want, tlsInput{in.Certificates, in.SslPolicy, in.AlpnPolicy,
		in.MutualAuthentication}); err != nil {
		return nil, err
	}
	if len(in.DefaultActions) > 0 {
		if want.actions, err = routing.Actions(s.account, lb.Type, in.DefaultActions, want.actions); err != nil {
			return nil, err
		}
	}
	if err := s.fit(lb, want.protocol, want.actions); err != nil {
		return nil, err
	}
	if want.protocol != l.Protocol {
		for _, r := range l.Rules[:len(l.Rules)-1] {
			if err := s.fit(lb, want.protocol, r.Actions); err != nil {
				return nil, err
			}
		}
	}
	if err := s.associable(lb, want.actions, l.Default()); err != nil {
		return nil, err
	}
	if have := lb.Listener(want.port); have != nil && have != l {
		return nil, duplicateListener(lb)
	}
	changed, others := want.protocol != l.Protocol, l.Certificates
	if changed && !secure(want.protocol) {
		others = nil
	}
	s.account.Serve(l, want.certificate, others)
	setListener(l, want)
	if changed {
		l.Attributes = listenerAttributes.Complete(l, l.Attributes)
	}
	s.account.SetActions(l.Default(), want.actions)
	return &elb.ModifyListenerOutput{Listeners: []types.Listener{describeListener(l)}}, nil
}

// DescribeListeners answers the listeners of a load balancer, or those of the given ARNs.
func (s *Listeners) DescribeListeners(ctx context.Context, in *elb.DescribeListenersInput, _ ...func(*elb.Options)) (
	*elb.DescribeListenersOutput, error) {
	return call.Read(ctx, s.entry, "DescribeListeners", in, func(in *elb.DescribeListenersInput) (
		*elb.DescribeListenersOutput, error) {
		if err := request.CheckPageSize(in.PageSize); err != nil {
			return nil, err
		}
		if (in.LoadBalancerArn != nil) == (len(in.ListenerArns) > 0) {
			return nil, check.Invalid("You must specify either listener ARNs or a load balancer ARN")
		}
		if len(in.ListenerArns) > request.MaxNamed {
			return nil, check.Invalid("You cannot specify more than '%d' listeners", request.MaxNamed)
		}
		var list []*account.Listener
		var next *string
		var err error
		if in.LoadBalancerArn == nil {
			list, err = request.FindAll(s.account, request.KindListener, s.account.Listeners, in.ListenerArns)
		} else {
			var lb *account.LoadBalancer
			if lb, err = request.FindLoadBalancer(s.account, in.LoadBalancerArn); err == nil {
				list, next, err = request.Page(lb.Listeners, func(l *account.Listener) uint64 { return l.Seq }, in.Marker,
					in.PageSize, request.PagesOf(s.account, request.LargePage))
			}
		}
		if err != nil {
			return nil, err
		}
		out := &elb.DescribeListenersOutput{NextMarker: next, Listeners: make([]types.Listener, len(list))}
		for i, l := range list {
			out.Listeners[i] = describeListener(l)
		}
		return out, nil
	})
}

// describeListener converts to the SDK's form.
func describeListener(l *account.Listener) types.Listener {
	out := types.Listener{
		ListenerArn: aws.String(l.ARN), LoadBalancerArn: aws.String(l.LoadBalancer.ARN), Protocol: types.ProtocolEnum(
			l.Protocol),
		SslPolicy: request.Optional(l.SSLPolicy), DefaultActions: routing.DescribeActions(l.Default().Actions),
	}
	if l.Port != 0 {
		out.Port = aws.Int32(l.Port)
	}
	if l.Certificate != "" {
		out.Certificates = []types.Certificate{{CertificateArn: aws.String(l.Certificate)}}
	}
	if l.ALPN != "" {
		out.AlpnPolicy = []string{l.ALPN}
	}
	if m := l.MutualTLS; m.Mode != "" {
		out.MutualAuthentication = &types.MutualAuthenticationAttributes{
			Mode: aws.String(m.Mode), TrustStoreArn: request.Optional(m.TrustStore),
			AdvertiseTrustStoreCaNames: types.AdvertiseTrustStoreCaNamesEnum(m.AdvertiseName),
		}
		if m.Mode == "verify" {
			out.MutualAuthentication.IgnoreClientCertificateExpiry = aws.Bool(m.IgnoreExpiry)
			if owner(m.TrustStore) != owner(l.ARN) {
				out.MutualAuthentication.TrustStoreAssociationStatus = types.TrustStoreAssociationStatusEnumActive
			}
		}
	}
	return out
}

// owner is the account that an ARN names.
func owner(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 4 {
		return parts[4]
	}
	return ""
}

// DeleteListener deletes a listener with its rules.
func (s *Listeners) DeleteListener(ctx context.Context, in *elb.DeleteListenerInput, _ ...func(*elb.Options)) (
	*elb.DeleteListenerOutput, error) {
	return call.Write(ctx, s.entry, "DeleteListener", in, func(in *elb.DeleteListenerInput) (
		*elb.DeleteListenerOutput, error) {
		l, err := request.FindListener(s.account, in.ListenerArn)
		if err != nil {
			return nil, err
		}
		if tg := targetgroup.TargetedBy(s.account, l.LoadBalancer, l.Port); tg != nil {
			return nil, apierr.New("ResourceInUse", "Listener '%s' is currently in use by the target group '%s'", l.ARN, tg.ARN)
		}
		s.account.RemoveListener(l)
		return &elb.DeleteListenerOutput{}, nil
	})
}

// same reports whether two listeners have the same settings, which makes the second request a repetition.
func (x listenerSettings) same(y listenerSettings) bool {
	return x.port == y.port && x.protocol == y.protocol && x.certificate == y.certificate && x.policy == y.policy &&
		x.alpn == y.alpn &&
		x.mutual == y.mutual && slices.EqualFunc(x.actions, y.actions, routing.SameAction)
}
