package services

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/elbv2"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

// plant puts the described account in place. Load balancers and target groups are created as a user would create them,
// but the calls are not recorded.
func (s *Set) plant(f seed.File) error {
	if err := func() error {
		s.Account.Lock()
		defer s.Account.Unlock()
		if err := f.Apply(s.Account); err != nil {
			return err
		}
		for _, b := range f.Buckets {
			if err := s.Account.Buckets.AllowLogs(b.Name, b.Prefix); err != nil {
				return err
			}
		}
		return nil
	}(); err != nil {
		return err
	}
	if err := plantFirewall(s.Account, f); err != nil {
		return err
	}
	p := planter{service: elbv2.New(s.Account, nil), account: s.Account, groups: map[string]string{}, vpc: f.VPC.ID}
	for i, tg := range f.TargetGroups {
		if err := p.targetGroup(tg); err != nil {
			return fmt.Errorf("targetGroups[%d] %s: %w", i, tg.Name, err)
		}
	}
	for i, lb := range f.LoadBalancers {
		if err := p.loadBalancer(lb); err != nil {
			return fmt.Errorf("loadBalancers[%d] %s: %w", i, lb.Name, err)
		}
	}
	return plantRecords(s.Account, f)
}

// planter makes load balancers and target groups.
type planter struct {
	service *elbv2.Service
	account *account.Account
	groups  map[string]string // name → ARN
	vpc     string
}

func (p *planter) targetGroup(tg seed.TargetGroup) error {
	p.reserve(tg.ARN)
	in := &elb.CreateTargetGroupInput{
		Name: aws.String(tg.Name), TargetType: elbtypes.TargetTypeEnum(tg.TargetType), Protocol: elbtypes.ProtocolEnum(
			tg.Protocol),
		ProtocolVersion: given(tg.ProtocolVersion), Port: aws.Int32(tg.Port), VpcId: aws.String(p.vpc), Tags: tags(tg.Tags),
		HealthCheckProtocol: elbtypes.ProtocolEnum(tg.HealthCheck.Protocol), HealthCheckPath: given(tg.HealthCheck.Path),
		HealthCheckPort: given(tg.HealthCheck.Port),
	}
	if m := tg.HealthCheck.Matcher; m != "" {
		in.Matcher = &elbtypes.Matcher{HttpCode: aws.String(m)}
		if tg.ProtocolVersion == "GRPC" {
			in.Matcher = &elbtypes.Matcher{GrpcCode: aws.String(m)}
		}
	}
	out, err := p.service.CreateTargetGroup(context.Background(), in)
	if err != nil {
		return err
	}
	arn := aws.ToString(out.TargetGroups[0].TargetGroupArn)
	p.groups[tg.Name] = arn
	if len(tg.Attributes) == 0 {
		return p.same(tg.ARN, arn)
	}
	set := &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: aws.String(arn)}
	for _, k := range slices.Sorted(maps.Keys(tg.Attributes)) {
		set.Attributes = append(set.Attributes, elbtypes.TargetGroupAttribute{Key: aws.String(k),
			Value: aws.String(tg.Attributes[k])})
	}
	_, err = p.service.ModifyTargetGroupAttributes(context.Background(), set)
	return errors.Join(err, p.same(tg.ARN, arn))
}

func (p *planter) loadBalancer(lb seed.LoadBalancer) error {
	p.reserve(lb.ARN)
	out, err := p.service.CreateLoadBalancer(context.Background(), &elb.CreateLoadBalancerInput{
		Name: aws.String(lb.Name), Type: elbtypes.LoadBalancerTypeEnum(lb.Type),
		Scheme:        elbtypes.LoadBalancerSchemeEnum(lb.Scheme),
		IpAddressType: elbtypes.IpAddressType(lb.IPAddressType), Subnets: lb.Subnets, SecurityGroups: lb.SecurityGroups,
		Tags: tags(lb.Tags),
	})
	if err != nil {
		return err
	}
	arn := aws.ToString(out.LoadBalancers[0].LoadBalancerArn)
	for i, l := range lb.Listeners {
		group, ok := p.groups[l.Forward]
		if !ok {
			return fmt.Errorf("listeners[%d]: forward: there is no target group %q in the file", i, l.Forward)
		}
		in := &elb.CreateListenerInput{
			LoadBalancerArn: aws.String(arn), Protocol: elbtypes.ProtocolEnum(l.Protocol), Port: aws.Int32(l.Port),
			DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: aws.String(group)}},
		}
		if len(l.Certificates) > 0 {
			in.Certificates = []elbtypes.Certificate{{CertificateArn: aws.String(l.Certificates[0])}}
		}
		created, err := p.service.CreateListener(context.Background(), in)
		if err != nil {
			return fmt.Errorf("listeners[%d]: %w", i, err)
		}
		for _, c := range l.Certificates[min(1, len(l.Certificates)):] {
			_, err := p.service.AddListenerCertificates(context.Background(), &elb.AddListenerCertificatesInput{
				ListenerArn: created.Listeners[0].ListenerArn, Certificates: []elbtypes.Certificate{
					{CertificateArn: aws.String(c)}},
			})
			if err != nil {
				return fmt.Errorf("listeners[%d]: certificates: %w", i, err)
			}
		}
	}
	p.account.Lock()
	defer p.account.Unlock()
	p.account.LoadBalancers[arn].ActiveAt = p.account.Clock.Now() // it was there before
	return p.same(lb.ARN, arn)
}

// reserve makes the next resource of the ARN's path get the ARN's id.
func (p *planter) reserve(arn string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return
	}
	if i := strings.LastIndexByte(parts[5], '/'); i > 0 {
		p.account.Lock()
		defer p.account.Unlock()
		p.account.ReserveID(parts[5][:i], parts[5][i+1:])
	}
}

func (p *planter) same(want, got string) error {
	if want != "" && want != got {
		return fmt.Errorf("arn: %q does not fit the resource, whose ARN is %q", want, got)
	}
	return nil
}

func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func tags(m map[string]string) []elbtypes.Tag {
	var list []elbtypes.Tag
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, elbtypes.Tag{Key: aws.String(k), Value: aws.String(m[k])})
	}
	return list
}
