package clitest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/account"
)

var times = account.Real()

// The life of a load balancer as an operator types it, from the security group to the alias in DNS and back to nothing.
func TestAWSsCommandLineDrivesAWholeLife(t *testing.T) {
	t.Parallel()
	x := open(t)
	x.do(t, []step{
		{command: "sts get-caller-identity --query Arn", want: "arn:aws:iam::123456789012:user/admin"},
		{command: "ec2 describe-vpcs --filters Name=tag:Name,Values=demo --query Vpcs[].VpcId", keep: "vpc",
			want: "vpc-[0-9a-f]{17}"},
		{command: "ec2 describe-subnets --filters Name=vpc-id,Values={vpc} Name=tag:kubernetes.io/role/elb,Values=1 " +
			"--query Subnets[].SubnetId", keep: "subnets", want: "(subnet-[0-9a-f]{17} ?){3}"},
		{command: "ec2 create-security-group --group-name front --description front --vpc-id {vpc} --tag-specifications " +
			"ResourceType=security-group,Tags=[{Key=app,Value=web}] --query GroupId", keep: "group"},
		{command: "ec2 authorize-security-group-ingress --group-id {group} --protocol tcp --port 80 --cidr 0.0.0.0/0 " +
			"--query Return", before: later(times.ComputeUsable), want: "True"},
		{command: "ec2 authorize-security-group-ingress --group-id {group} --protocol tcp --port 80 --cidr 0.0.0.0/0",
			code: "InvalidPermission.Duplicate",
			want: `.*the specified rule "peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW" already exists`},
		{command: "ec2 describe-security-groups --group-ids {group} --query " +
			"SecurityGroups[].[GroupName,IpPermissions[0].IpRanges[0].CidrIp,Tags[0].Value]",
			before: later(times.ComputeDescribed), want: "front 0.0.0.0/0 web"},
		{command: "elbv2 create-load-balancer --name web --subnets {subnets} --security-groups {group} --tags " +
			"Key=app,Value=web --query LoadBalancers[0].LoadBalancerArn", keep: "lb"},
		{command: "elbv2 create-target-group --name web --protocol HTTP --port 8080 --target-type ip --vpc-id {vpc} " +
			"--query TargetGroups[0].TargetGroupArn", keep: "tg"},
		{command: "elbv2 create-listener --load-balancer-arn {lb} --protocol HTTP --port 80 --default-actions " +
			"Type=fixed-response,FixedResponseConfig={StatusCode=404} --query Listeners[0].ListenerArn", keep: "listener"},
		{command: "elbv2 create-rule --listener-arn {listener} --priority 10 --conditions Field=path-pattern,Values=/web/* " +
			"--actions Type=forward,TargetGroupArn={tg} --query Rules[0].RuleArn", keep: "rule"},
		{command: "elbv2 create-rule --listener-arn {listener} --priority 10 --conditions Field=path-pattern,Values=/x " +
			"--actions Type=forward,TargetGroupArn={tg}", code: "PriorityInUse"},
		{command: "elbv2 describe-load-balancers --load-balancer-arns {lb} --query LoadBalancers[0].State.Code",
			want: "provisioning"},
		{command: "elbv2 wait load-balancer-available --names web", before: later(times.LoadBalancerActive)},
		{command: "elbv2 describe-load-balancers --names web --query LoadBalancers[0].DNSName", keep: "dns",
			want: `web-\d+\.us-west-2\.elb\.amazonaws\.com`},
		{command: "elbv2 describe-listeners --load-balancer-arn {lb} --query " +
			"Listeners[].[Protocol,Port,DefaultActions[0].FixedResponseConfig.StatusCode]", want: "HTTP 80 404"},
		{command: "elbv2 describe-rules --listener-arn {listener} --query " +
			"Rules[].[Priority,Conditions[0].Values[0],Actions[0].Type]",
			want: `10 /web/\* forward\ndefault None fixed-response`},
		{command: "elbv2 describe-target-groups --names web --query " +
			"TargetGroups[].[Protocol,Port,TargetType,LoadBalancerArns[0]]", want: "HTTP 8080 ip {lb}"},
		{command: "elbv2 describe-tags --resource-arns {lb} {tg} --query TagDescriptions[].Tags[]", want: "app web"},
		{command: "resourcegroupstaggingapi get-resources --tag-filters Key=app,Values=web --resource-type-filters " +
			"elasticloadbalancing:loadbalancer --query ResourceTagMappingList[].ResourceARN", want: "{lb}"},
	})

	health := "elbv2 describe-target-health --target-group-arn {tg} --query " +
		"TargetHealthDescriptions[].[Target.Id,TargetHealth.State,TargetHealth.Reason]"
	x.do(t, []step{
		{command: "elbv2 register-targets --target-group-arn {tg} --targets Id=10.0.128.77 Id=10.0.144.78,Port=8081"},
		{command: "elbv2 register-targets --target-group-arn {tg} --targets Id=8.8.8.8", code: "ValidationError"},
		{command: health,
			want: `10.0.128.77 initial Elb.RegistrationInProgress\n10.0.144.78 initial Elb.RegistrationInProgress`},
		{command: health, before: later(times.TargetInitial), want: `10.0.128.77 healthy None\n10.0.144.78 healthy None`},
		{command: health, want: `10.0.128.77 unhealthy Target.FailedHealthChecks\n10.0.144.78 healthy None`,
			before: func(x *terminal) {
				x.Account.SetTargetHealth(x.names["tg"], account.TargetDescription{ID: "10.0.128.77", Port: 8080}, account.Health{
					State: "unhealthy", Reason: "Target.FailedHealthChecks", Description: "Health checks failed"})
			}},
		{command: "elbv2 deregister-targets --target-group-arn {tg} --targets Id=10.0.144.78,Port=8081"},
		{command: health,
			want: `10.0.128.77 unhealthy Target.FailedHealthChecks\n10.0.144.78 draining Target.DeregistrationInProgress`},
	})

	alias(t, x)

	x.do(t, []step{
		{command: "elbv2 delete-target-group --target-group-arn {tg}", code: "ResourceInUse"},
		{command: "ec2 delete-security-group --group-id {group}", code: "DependencyViolation"},
		{command: "elbv2 delete-load-balancer --load-balancer-arn {lb}"},
		{command: "elbv2 describe-load-balancers --names web", code: "LoadBalancerNotFound", want: `.*web.* not found`},
		// the load balancer's interfaces linger
		{command: "ec2 delete-security-group --group-id {group}", code: "DependencyViolation"},
		{command: "elbv2 delete-target-group --target-group-arn {tg}", before: later(times.TargetGroupRelease)},
		{command: "ec2 delete-security-group --group-id {group}", before: later(times.InterfaceRelease)},
		{command: "ec2 describe-security-groups --group-ids {group}", before: later(times.ComputeDescribed),
			code: "InvalidGroup.NotFound"},
	})
}

// alias gives the load balancer a name in DNS, from a file as guides show it, with its own hosted zone and with
// another.
func alias(t *testing.T, x *terminal) {
	t.Helper()
	const change = `{"Changes": [{"Action": "UPSERT", "ResourceRecordSet": {"Name": "myapp.example.com", "Type": "A",
		"AliasTarget": {"HostedZoneId": "{zone}", "DNSName": "dualstack.{dns}", "EvaluateTargetHealth": true}}}]}`
	for file, zone := range map[string]string{"alias.json": "Z1H1FL5HABSF5", "elsewhere.json": "Z35SXDOTRQ7X7K"} {
		x.names["zone"] = zone
		if err := os.WriteFile(filepath.Join(x.dir, file), []byte(x.fill(change)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	x.do(t, []step{
		{command: "route53 list-hosted-zones-by-name --dns-name example.com --max-items 1 --query HostedZones[].[Id,Name]",
			want: `/hostedzone/Z0A1DE00000001 example.com\.`},
		{command: "route53 change-resource-record-sets --hosted-zone-id Z0A1DE00000001 --change-batch file://elsewhere.json",
			code: "InvalidChangeBatch", want: ".*does not lie within the target zone.*"},
		{command: "route53 change-resource-record-sets --hosted-zone-id Z0A1DE00000001 --change-batch file://alias.json " +
			"--query ChangeInfo.[Id,Status]", keep: "change", want: "/change/C[0-9A-Z]+ PENDING"},
	})
	x.names["change"] = x.names["change"][:len(x.names["change"])-len(" PENDING")]
	x.do(t, []step{
		{command: "route53 get-change --id {change} --query ChangeInfo.Status", want: "PENDING"},
		{command: "route53 get-change --id {change} --query ChangeInfo.Status", before: later(times.RecordSync),
			want: "INSYNC"},
		{command: "route53 list-resource-record-sets --hosted-zone-id Z0A1DE00000001 --query " +
			"ResourceRecordSets[?Type=='A'].[Name,AliasTarget.DNSName]", want: `myapp.example.com\. dualstack\.{dns}\.`},
	})
}
