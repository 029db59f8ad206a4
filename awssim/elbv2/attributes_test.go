package elbv2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func TestLoadBalancerAttributesAreCheckedByKeyAndType(t *testing.T) {
	t.Parallel()
	f := instant(t)
	f.account.Buckets.Logs = map[string][]string{"logs": {"alb"}}
	alb, nlb := f.alb(), f.nlb()
	set := func(lb types.LoadBalancer, pairs ...string) error {
		in := &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: lb.LoadBalancerArn}
		for i := 0; i < len(pairs); i += 2 {
			in.Attributes = append(in.Attributes, types.LoadBalancerAttribute{Key: &pairs[i], Value: &pairs[i+1]})
		}
		_, err := f.ModifyLoadBalancerAttributes(f.ctx, in)
		return err
	}
	for _, c := range []struct {
		lb         types.LoadBalancer
		pairs      []string
		code, text string
	}{
		{alb, nil, "ValidationError", "attributes"},
		{alb, []string{"no.such.key", "1"}, "ValidationError", "Load balancer attribute key 'no.such.key' is not recognized"},
		{nlb, []string{"idle_timeout.timeout_seconds", "60"}, "InvalidConfigurationRequest",
			"Load balancer attribute key 'idle_timeout.timeout_seconds' is not supported on load balancers with type 'network'"},
		{alb, []string{"idle_timeout.timeout_seconds", "0"}, "ValidationError",
			"'idle_timeout.timeout_seconds' value '0' must be between '1-4000' inclusive"},
		{alb, []string{"idle_timeout.timeout_seconds", "4001"}, "ValidationError", "4001"},
		{alb, []string{"idle_timeout.timeout_seconds", "060"}, "ValidationError", "060"},
		{alb, []string{"idle_timeout.timeout_seconds", "70", "idle_timeout.timeout_seconds", "80"}, "ValidationError",
			"more than once"},
		{alb, []string{"routing.http2.enabled", "yes"}, "ValidationError", "routing.http2.enabled"},
		{alb, []string{"load_balancing.cross_zone.enabled", "false"}, "InvalidConfigurationRequest", "cannot be disabled"},
		{alb, []string{"access_logs.s3.enabled", "true"}, "ValidationError", "access_logs.s3.bucket"},
		{alb, []string{"access_logs.s3.enabled", "true", "access_logs.s3.bucket", "other"}, "InvalidConfigurationRequest",
			"Access Denied for bucket: other. Please check S3bucket permission"},
		{alb, []string{"access_logs.s3.enabled", "true", "access_logs.s3.bucket", "logs", "access_logs.s3.prefix", "albs"},
			"InvalidConfigurationRequest", "Access Denied"},
		{alb, []string{"access_logs.s3.prefix", "/a"}, "ValidationError", "access_logs.s3.prefix"},
		{alb, []string{"access_logs.s3.enabled", "true", "access_logs.s3.bucket", "logs", "access_logs.s3.prefix", "alb/a"},
			"", ""},
		{nlb, []string{"load_balancing.cross_zone.enabled", "true", "dns_record.client_routing_policy",
			"availability_zone_affinity"}, "", ""},
	} {
		err := set(c.lb, c.pairs...)
		if c.code == "" {
			f.ok(err)
		} else {
			f.refused(err, c.code, c.text)
		}
	}
	out, err := f.DescribeLoadBalancerAttributes(f.ctx, &elb.DescribeLoadBalancerAttributesInput{
		LoadBalancerArn: alb.LoadBalancerArn})
	f.ok(err)
	got := map[string]string{}
	for _, a := range out.Attributes {
		got[*a.Key] = *a.Value
	}
	for key, want := range map[string]string{"idle_timeout.timeout_seconds": "60", "access_logs.s3.bucket": "logs",
		"load_balancing.cross_zone.enabled": "true",
		"routing.http2.enabled":             "true", "client_keep_alive.seconds": "3600",
		"routing.http.desync_mitigation_mode": "defensive"} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	if _, shown := got["ipv6.deny_all_igw_traffic"]; shown || len(got) != 22 {
		t.Errorf("%d attributes: %v", len(got), got)
	}
}

func TestTargetGroupAttributesAreCheckedByKeyAndProtocol(t *testing.T) {
	t.Parallel()
	f := instant(t)
	web, tcp, tls, udp, quic := f.group("HTTP"), f.group("TCP"), f.group("TLS"), f.group("UDP"), f.group("QUIC")
	front := f.group("TCP", func(in *elb.CreateTargetGroupInput) { in.TargetType = "alb" })
	set := func(arn string, pairs ...string) error {
		in := &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &arn}
		for i := 0; i < len(pairs); i += 2 {
			in.Attributes = append(in.Attributes, types.TargetGroupAttribute{Key: &pairs[i], Value: &pairs[i+1]})
		}
		_, err := f.ModifyTargetGroupAttributes(f.ctx, in)
		return err
	}
	for _, c := range []struct {
		arn        string
		pairs      []string
		code, text string
	}{
		{web, []string{"no.such.key", "1"}, "ValidationError", "Target group attribute key 'no.such.key' is not recognized"},
		{web, []string{deregDelay, "3601"}, "ValidationError",
			"'deregistration_delay.timeout_seconds' value '3601' must be between '0-3600' inclusive"},
		{web, []string{deregDelay, "3600"}, "", ""},
		{web, []string{preserveClient, "true"}, "InvalidConfigurationRequest", "not supported"},
		{tcp, []string{"slow_start.duration_seconds", "30"}, "InvalidConfigurationRequest", "not supported"},
		{tcp, []string{"stickiness.enabled", "true", "stickiness.type", "lb_cookie"}, "InvalidConfigurationRequest",
			"Stickiness type 'lb_cookie' is not supported for target groups with the TCP protocol"},
		{web, []string{"stickiness.type", "source_ip"}, "InvalidConfigurationRequest",
			"Stickiness type 'source_ip' is not supported for target groups with the HTTP protocol"},
		{tls, []string{"stickiness.enabled", "true"}, "InvalidConfigurationRequest",
			"You cannot enable stickiness on target groups with the TLS protocol"},
		{tcp, []string{"stickiness.enabled", "true", "stickiness.type", "source_ip"}, "", ""},
		{web, []string{"stickiness.enabled", "true", "stickiness.type", "app_cookie"}, "ValidationError", "cookie_name"},
		{web, []string{appCookie + "cookie_name", "AWSALBx"}, "ValidationError", "reserved prefix"},
		{web, []string{"slow_start.duration_seconds", "29"}, "ValidationError", "'30-900'"},
		{web, []string{algorithm + "anomaly_mitigation", "on"}, "InvalidConfigurationRequest", "weighted_random"},
		{web, []string{algorithm + "type", "weighted_random", "stickiness.enabled", "true"}, "InvalidConfigurationRequest",
			"weighted_random"},
		{web, []string{algorithm + "type", "least_outstanding_requests", "slow_start.duration_seconds", "60"},
			"InvalidConfigurationRequest", "Slow start"},
		{web, []string{targetCrossZone, "false", "stickiness.enabled", "true"}, "InvalidConfigurationRequest", "cross-zone"},
		{web, []string{unhealthyRoute + "count", "2"}, "InvalidConfigurationRequest", "must be greater than or equal to"},
		{web, []string{unhealthyRoute + "count", "2", dnsFailover + "count", "2"}, "", ""},
		{udp, []string{preserveClient, "false"}, "InvalidConfigurationRequest", "UDP"},
		{quic, []string{deregDelay, "10"}, "InvalidConfigurationRequest", "QUIC"},
		{tcp, []string{drainInterval, "10"}, "InvalidConfigurationRequest", terminate},
		{tcp, []string{drainInterval, "10", terminate, "false"}, "", ""},
		{front, []string{deregDelay, "10"}, "InvalidConfigurationRequest", "'alb'"},
	} {
		err := set(c.arn, c.pairs...)
		if c.code == "" {
			f.ok(err)
		} else {
			f.refused(err, c.code, c.text)
		}
	}
	for arn, want := range map[string]map[string]string{
		web: {deregDelay: "3600", "stickiness.type": "lb_cookie", "stickiness.enabled": "false",
			targetCrossZone: "use_load_balancer_configuration", preserveClient: ""},
		tcp: {preserveClient: "false", "stickiness.type": "source_ip", "proxy_protocol_v2.enabled": "false", algorithm +
			"type": ""},
		udp: {preserveClient: "true", "deregistration_delay.connection_termination.enabled": "true", terminate: ""},
	} {
		for key, v := range want {
			if got := f.account.TargetGroups[arn].Attributes[key]; got != v {
				t.Errorf("%s of %s is %q, want %q", key, arn, got, v)
			}
		}
	}
}

func TestListenerAttributesAreCheckedByKeyAndProtocol(t *testing.T) {
	t.Parallel()
	f := instant(t)
	alb, nlb := f.alb(), f.nlb()
	plain, tcp := f.listen(alb, "HTTP", 80, respond("200")), f.listen(nlb, "TCP", 80, forwardTo(f.group("TCP")))
	udp := f.listen(nlb, "UDP", 53, forwardTo(f.group("UDP")))
	set := func(l types.Listener, key, value string) ([]types.ListenerAttribute, error) {
		out, err := f.ModifyListenerAttributes(f.ctx, &elb.ModifyListenerAttributesInput{ListenerArn: l.ListenerArn,
			Attributes: []types.ListenerAttribute{{Key: &key, Value: &value}}})
		if err != nil {
			return nil, err
		}
		return out.Attributes, nil
	}
	_, err := set(plain, "tcp.idle_timeout.seconds", "350")
	f.refused(err, "InvalidConfigurationRequest", "HTTP protocol")
	_, err = set(udp, "tcp.idle_timeout.seconds", "350")
	f.refused(err, "InvalidConfigurationRequest", "UDP protocol")
	_, err = set(tcp, "tcp.idle_timeout.seconds", "59")
	f.refused(err, "ValidationError", "'60-6000'")
	_, err = set(plain, "no.such.key", "")
	f.refused(err, "ValidationError", "Listener attribute key 'no.such.key' is not recognized")
	_, err = set(plain, responseHeader+"strict_transport_security.header_value", "max-age=1")
	f.refused(err, "InvalidConfigurationRequest", "HTTP protocol")
	_, err = set(plain, responseHeader+"server.enabled", "false")
	f.ok(err)
	got, err := set(plain, responseHeader+"server.enabled", "")
	f.ok(err)
	if *got[0].Key != responseHeader+"server.enabled" || *got[0].Value != "true" {
		t.Errorf("an empty value does not reset: %v", *got[0].Value)
	}
	if got, err = set(tcp, "tcp.idle_timeout.seconds", "6000"); err != nil || *got[0].Value != "6000" {
		t.Errorf("got %v, %v", got, err)
	}
	out, err := f.DescribeListenerAttributes(f.ctx, &elb.DescribeListenerAttributesInput{ListenerArn: udp.ListenerArn})
	f.ok(err)
	if len(out.Attributes) != 0 {
		t.Errorf("UDP has %v", out.Attributes)
	}
	_, err = f.ModifyListener(f.ctx, &elb.ModifyListenerInput{ListenerArn: plain.ListenerArn, Protocol: "HTTPS",
		Certificates: []types.Certificate{{CertificateArn: aws.String(cert1)}}})
	f.ok(err)
	_, err = set(plain, responseHeader+"strict_transport_security.header_value", "max-age=1")
	f.ok(err)
}
