package survey

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/checks"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

func (r *reader) loadBalancers(ctx context.Context, s state) (put, error) {
	lbs, err := describeLoadBalancers(ctx, s.clients.ELBV2)
	if err != nil {
		return nil, err
	}
	groups, err := describeTargetGroups(ctx, s.clients.ELBV2)
	if err != nil {
		return nil, err
	}
	var arns []string
	counts := map[quota.Limit]int{quota.TargetGroups: len(groups)}
	for _, lb := range lbs {
		arns = append(arns, aws.ToString(lb.LoadBalancerArn))
		counts[quota.OfType(stack.LoadBalancerType(lb.Type))]++
	}
	for _, g := range groups {
		arns = append(arns, aws.ToString(g.TargetGroupArn))
	}
	tags, err := describeTags(ctx, s.clients.ELBV2, arns)
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, b := range objects.List[*v1beta1.TargetGroupBinding](objects.New(s.facts.Objects), objects.TargetGroupBinding,
		"") {
		named[b.Spec.TargetGroupARN] = true
	}
	cluster := s.config.ClusterName
	var ours []doctor.LoadBalancer
	for _, lb := range lbs {
		arn := aws.ToString(lb.LoadBalancerArn)
		if key, _, ok := naming.StackOf(cluster, arn, tags[arn]); ok {
			x := doctor.LoadBalancer{ARN: arn, Name: aws.ToString(lb.LoadBalancerName), VPC: aws.ToString(lb.VpcId),
				Hostname: aws.ToString(lb.DNSName), Type: stack.LoadBalancerType(lb.Type), Key: key,
				SecurityGroups: lb.SecurityGroups}
			_, x.Retained = tags[arn][naming.RetainedTag]
			for _, z := range lb.AvailabilityZones {
				x.Zones = append(x.Zones, aws.ToString(z.ZoneName))
			}
			ours = append(ours, x)
		}
	}
	var kept []checks.TargetGroup
	for _, g := range groups {
		arn := aws.ToString(g.TargetGroupArn)
		key, _, ok := naming.StackOf(cluster, arn, tags[arn])
		if ok || named[arn] {
			kept = append(kept, checks.TargetGroup{
				ARN: arn, Name: aws.ToString(g.TargetGroupName), VPC: aws.ToString(g.VpcId), Cluster: tags[arn][naming.ClusterTag],
				Key: key, Ours: ok, LoadBalancers: g.LoadBalancerArns,
			})
		}
	}
	return func(s *state) { s.facts.LoadBalancers, s.facts.TargetGroups, s.facts.Counts = ours, kept, counts }, nil
}

func describeLoadBalancers(ctx context.Context, client awsclient.ELBV2) (all []elbv2types.LoadBalancer, err error) {
	for p := elbv2.NewDescribeLoadBalancersPaginator(client, nil); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, out.LoadBalancers...)
	}
	return all, nil
}

func describeTargetGroups(ctx context.Context, client awsclient.ELBV2) (all []elbv2types.TargetGroup, err error) {
	for p := elbv2.NewDescribeTargetGroupsPaginator(client, nil); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, out.TargetGroups...)
	}
	return all, nil
}

// tagged is how many resources AWS describes the tags of at a time.
const tagged = 20

func describeTags(ctx context.Context, client awsclient.ELBV2, arns []string) (map[string]map[string]string, error) {
	batches := slices.Collect(slices.Chunk(arns, tagged))
	read := make([]*elbv2.DescribeTagsOutput, len(batches))
	err := parallel(ctx, len(batches), func(ctx context.Context, i int) (err error) {
		read[i], err = client.DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: batches[i]})
		return err
	})
	if err != nil {
		return nil, err
	}
	all := map[string]map[string]string{}
	for _, out := range read {
		for _, d := range out.TagDescriptions {
			tags := map[string]string{}
			for _, t := range d.Tags {
				tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
			}
			all[aws.ToString(d.ResourceArn)] = tags
		}
	}
	return all, nil
}

func (r *reader) targetHealth(ctx context.Context, s state) (put, error) {
	groups := slices.Clone(s.facts.TargetGroups)
	err := parallel(ctx, len(groups), func(ctx context.Context, i int) error {
		out, err := s.clients.ELBV2.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{
			TargetGroupArn: &groups[i].ARN})
		if err != nil {
			return err
		}
		for _, d := range out.TargetHealthDescriptions {
			x := checks.Target{ID: aws.ToString(d.Target.Id), Port: aws.ToInt32(d.Target.Port),
				Zone: aws.ToString(d.Target.AvailabilityZone)}
			if h := d.TargetHealth; h != nil {
				x.State, x.Reason, x.Description = string(h.State), string(h.Reason), aws.ToString(h.Description)
			}
			x.Zone = zoneOf(s, x)
			groups[i].Targets = append(groups[i].Targets, x)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return func(s *state) { s.facts.TargetGroups = groups }, nil
}

func (r *reader) listeners(ctx context.Context, s state) (put, error) {
	lbs := slices.Clone(s.facts.LoadBalancers)
	err := parallel(ctx, len(lbs), func(ctx context.Context, i int) error {
		return readListeners(ctx, s.clients.ELBV2, &lbs[i])
	})
	if err != nil {
		return nil, err
	}
	return func(s *state) { s.facts.LoadBalancers = lbs }, nil
}

func readListeners(ctx context.Context, client awsclient.ELBV2, lb *doctor.LoadBalancer) error {
	in := &elbv2.DescribeListenersInput{LoadBalancerArn: &lb.ARN}
	for p := elbv2.NewDescribeListenersPaginator(client, in); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for i := range out.Listeners {
			l := &out.Listeners[i]
			lb.Listeners++
			if lb.Type == stack.Application {
				if err := countRules(ctx, client, l.ListenerArn, lb); err != nil {
					return err
				}
			}
			if len(l.Certificates) > 0 {
				if err := readCertificates(ctx, client, l.ListenerArn, lb); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func countRules(ctx context.Context, client awsclient.ELBV2, listener *string, lb *doctor.LoadBalancer) error {
	for p := elbv2.NewDescribeRulesPaginator(client, &elbv2.DescribeRulesInput{ListenerArn: listener}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, rule := range out.Rules {
			if !aws.ToBool(rule.IsDefault) {
				lb.Rules++
			}
		}
	}
	return nil
}

func readCertificates(ctx context.Context, client awsclient.ELBV2, listener *string, lb *doctor.LoadBalancer) error {
	in := &elbv2.DescribeListenerCertificatesInput{ListenerArn: listener}
	for p := elbv2.NewDescribeListenerCertificatesPaginator(client, in); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, c := range out.Certificates {
			if !aws.ToBool(c.IsDefault) {
				lb.Added++
			}
			if arn := aws.ToString(c.CertificateArn); !slices.Contains(lb.Certificates, arn) {
				lb.Certificates = append(lb.Certificates, arn)
			}
		}
	}
	return nil
}

// certificates reads those of ACM that listeners have; IAM's have no dates there.
func (r *reader) certificates(ctx context.Context, s state) (put, error) {
	var arns []string
	for _, lb := range s.facts.LoadBalancers {
		for _, arn := range lb.Certificates {
			if strings.Contains(arn, ":acm:") && !slices.Contains(arns, arn) {
				arns = append(arns, arn)
			}
		}
	}
	all := make([]doctor.Certificate, len(arns))
	err := parallel(ctx, len(arns), func(ctx context.Context, i int) error {
		out, err := s.clients.ACM.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: &arns[i]})
		if err != nil {
			return err
		}
		c := out.Certificate
		all[i] = doctor.Certificate{ARN: arns[i], Type: string(c.Type), Status: string(c.Status),
			Domains: c.SubjectAlternativeNames, Begins: aws.ToTime(c.NotBefore), Expires: aws.ToTime(c.NotAfter)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return func(s *state) { s.facts.Certificates = all }, nil
}

// zoneOf is the zone of a target: that of its instance, or of the subnet that its address is of.
func zoneOf(s state, t checks.Target) string {
	for _, i := range s.facts.Instances {
		if i.ID == t.ID {
			return i.Zone
		}
	}
	for _, subnet := range s.facts.AWS.Subnets {
		if _, ok := subnet.IPv4Of([]string{t.ID}); ok {
			return subnet.Zone
		}
	}
	return ""
}
