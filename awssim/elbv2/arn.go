package elbv2

import (
	"regexp"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// kind is a kind of resource that has an ARN.
type kind struct {
	noun      string // as messages call it
	parameter string
	path      *regexp.Regexp // of the ARN's last part
	code      string         // when it is well-formed and unknown
	message   string         // %s is the ARN
}

var (
	kindLoadBalancer = kind{"load balancer", "loadBalancerArn", regexp.MustCompile(`^loadbalancer/(app|net|gwy)/[0-9A-Za-z-]+/[0-9A-Za-z]+$`),
		"LoadBalancerNotFound", "Load balancers '[%s]' not found"}
	kindTargetGroup = kind{"target group", "targetGroupArn", regexp.MustCompile(`^targetgroup/[0-9A-Za-z-]+/[0-9A-Za-z]+$`),
		"TargetGroupNotFound", "One or more target groups not found"}
	kindListener = kind{"listener", "listenerArn", regexp.MustCompile(`^listener/(app|net|gwy)/[0-9A-Za-z-]+/[0-9A-Za-z]+/[0-9A-Za-z]+$`),
		"ListenerNotFound", "One or more listeners not found"}
	kindRule = kind{"listener rule", "ruleArn", regexp.MustCompile(`^listener-rule/(app|net|gwy)/[0-9A-Za-z-]+/[0-9A-Za-z]+/[0-9A-Za-z]+/[0-9A-Za-z]+$`),
		"RuleNotFound", "One or more rules not found"}
	kindTrustStore = kind{"trust store", "trustStoreArn", regexp.MustCompile(`^truststore/[0-9A-Za-z-]+/[0-9A-Za-z]+$`),
		"TrustStoreNotFound", "Trust store '%s' not found"}
)

func (k kind) notFound(what string) error {
	if strings.Contains(k.message, "%s") {
		return apierr.New(k.code, k.message, what)
	}
	return apierr.New(k.code, "%s", k.message)
}

// wellFormed refuses an ARN that cannot be one of that kind here. Another account's is well-formed, and unknown.
func (s *Service) wellFormed(k kind, arn string) error {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] != s.account.Partition || parts[2] != service || !k.path.MatchString(parts[5]) {
		return invalid("'%s' is not a valid %s ARN", arn, k.noun)
	}
	if parts[3] != s.account.Region {
		return invalid("'%s' is not a valid %s ARN: the region '%s' does not match '%s'", arn, k.noun, parts[3], s.account.Region)
	}
	return nil
}

// find is the resource of that ARN in its map.
func find[T any](s *Service, k kind, in map[string]*T, arn *string) (*T, error) {
	if err := present(k.parameter, arn); err != nil {
		return nil, err
	}
	if v := in[*arn]; v != nil {
		return v, nil
	}
	if err := s.wellFormed(k, *arn); err != nil {
		return nil, err
	}
	return nil, k.notFound(*arn)
}

// findAll is the resources of those ARNs, each once, or the error of the first that is wrong.
func findAll[T any](s *Service, k kind, in map[string]*T, arns []string) ([]*T, error) {
	out := make([]*T, 0, len(arns))
	seen := map[string]bool{}
	for _, arn := range arns {
		v, err := find(s, k, in, &arn)
		if err != nil {
			return nil, err
		}
		if !seen[arn] {
			seen[arn] = true
			out = append(out, v)
		}
	}
	return out, nil
}

func (s *Service) loadBalancer(arn *string) (*account.LoadBalancer, error) {
	return find(s, kindLoadBalancer, s.account.LoadBalancers, arn)
}

func (s *Service) targetGroup(arn *string) (*account.TargetGroup, error) {
	return find(s, kindTargetGroup, s.account.TargetGroups, arn)
}

func (s *Service) listener(arn *string) (*account.Listener, error) {
	return find(s, kindListener, s.account.Listeners, arn)
}

func (s *Service) rule(arn *string) (*account.Rule, error) {
	return find(s, kindRule, s.account.Rules, arn)
}
