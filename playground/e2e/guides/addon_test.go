package guides

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// letGoOfWebACL takes the annotation away, which changes nothing, and then sets none.
func letGoOfWebACL(t *testing.T, s *scenario) {
	const ingress = "waf-protected-ingress"
	s.wrote(t, "without annotation", func() { s.annotate(t, ingress, "wafv2-acl-arn-") }, func(p *picture) error {
		lb, _ := p.loadBalancer(s.balancers[0].name)
		var ps problems
		ps.same("web ACLs", p.webACLs(lb.ARN), []string{"example-waf"})
		return ps.err()
	})
	s.wrote(t, "an empty annotation", func() { s.annotate(t, ingress, "wafv2-acl-arn=") }, func(p *picture) error {
		lb, _ := p.loadBalancer(s.balancers[0].name)
		var ps problems
		ps.same("web ACLs", p.webACLs(lb.ARN), []string{"example-waf"})
		return ps.err()
	})
	s.wrote(t, "none", func() { s.annotate(t, ingress, "wafv2-acl-arn=none") }, func(p *picture) error {
		lb, _ := p.loadBalancer(s.balancers[0].name)
		var ps problems
		ps.same("web ACLs", p.webACLs(lb.ARN), []string{})
		return ps.err()
	}, "wafv2 DisassociateWebACL")
	s.c.WaitGet(t, s.url(t, 0)+"blocked", "protected.example.com", 200, "protected-service")
}

// readAndStopLogs finds a request in the log, names a bucket that takes no logs, and stops logging.
func readAndStopLogs(t *testing.T, s *scenario) {
	const ingress = "logged-ingress"
	lb := s.c.LoadBalancer(t, s.balancers[0].name)
	s.c.WaitFor(t, "the request in the log", func(context.Context) error {
		return logged(s.c.Env.BucketDir("my-access-logs-bucket"), lb.Name)
	})

	s.annotate(t, ingress, "load-balancer-attributes=access_logs.s3.enabled=true,access_logs.s3.bucket=closed-bucket",
		`conditions.monitored-service=[{"field":"http-request-method","httpRequestMethodConfig":{"values":["GET"]}}]`)
	s.warned(t, "Ingress", s.namespace, ingress, "FailedDeployModel", "Access Denied for bucket: closed-bucket",
		"load-balancer-attributes")
	s.c.WaitFor(t, "the rule's new condition all the same", func(context.Context) error {
		if text := s.c.LoadBalancer(t, s.balancers[0].name).Listeners[0].Rules[0].Text; !strings.Contains(text, "GET") {
			return fmt.Errorf("the rule is: %s", text)
		}
		return nil
	})
	s.c.WaitGet(t, s.url(t, 0), "monitored.example.com", 200, "monitored-service")

	attribute := func(want string) func(*picture) error {
		return func(p *picture) error {
			lb, _ := p.loadBalancer(s.balancers[0].name)
			var ps problems
			ps.same("access_logs.s3.enabled", lb.Attributes["access_logs.s3.enabled"], want)
			return ps.err()
		}
	}
	s.wrote(t, "without annotation", func() { s.annotate(t, ingress, "load-balancer-attributes-") }, attribute("true"))
	s.wrote(t, "disabled", func() {
		s.annotate(t, ingress, "load-balancer-attributes=access_logs.s3.enabled=false")
	}, attribute("false"),
		"elasticloadbalancing ModifyLoadBalancerAttributes")
}

// logged looks for the row's request in the logs of a load balancer.
func logged(bucket, name string) error {
	file := regexp.MustCompile(`^alb-logs/AWSLogs/123456789012/elasticloadbalancing/us-west-2/\d{4}/\d\d/\d\d/` +
		`123456789012_elasticloadbalancing_us-west-2_app\.` + regexp.QuoteMeta(name) + `\..*\.log\.gz$`)
	var seen []string
	found := false
	err := filepath.WalkDir(bucket, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(bucket, path)
		if err != nil {
			return err
		}
		seen = append(seen, rel)
		if file.MatchString(filepath.ToSlash(rel)) && !found {
			found, err = has(path, "http ", "GET http://monitored.example.com:80/a HTTP/1.1")
		}
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("it is not among %v", seen)
	}
	return err
}

// has reports whether a line of a compressed file begins so and has the text in it.
func has(path, begin, text string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return false, err
	}
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), begin) && strings.Contains(lines.Text(), text) {
			return true, nil
		}
	}
	return false, lines.Err()
}
