package survey

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/network"
	"github.com/k8s-lbc/lbc/internal/aws/permission"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/settings/inventoryscope"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lbc/checks"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

// explain is an error in words; what AWS denies by the name of the action.
func explain(err error) string {
	e := awsclient.Classify(err)
	var sent *smithy.OperationError
	if !errors.As(err, &sent) {
		return err.Error()
	}
	if o, ok := permission.Operations[sent.Operation()]; ok && e.Class == diag.Denied && !e.Credentials {
		return "AWS denies " + o.Permission + ": " + e.Message
	}
	return sent.Operation() + ": " + e.Message
}

// remedyOf is what to do about an error of AWS that no right cures; "" = what the source says.
func remedyOf(err error) string {
	if !errors.As(err, new(*smithy.OperationError)) {
		return ""
	}
	switch e := awsclient.Classify(err); {
	case e.Class == diag.Throttled:
		return "try again in a minute: AWS throttles the account, and the credentials in use lack nothing"
	case e.Class == diag.Credentials:
		return impairment.CheckCredentials
	case e.Unanswered != "":
		return "see the AWS Health Dashboard of the region, and the network path to the endpoint, then try again"
	}
	return ""
}

// attempts of each call to AWS.
const attempts = 2

var errWrites = errors.New("lbc doctor writes nothing to AWS")

// account connects to AWS in the region and VPC that flags, the controller's Deployment, the environment or the nodes
// name, in this order.
func (r *reader) account(ctx context.Context, s state) (put, error) {
	c := r.settings(s)
	known := c.VPC
	if known == "" && len(c.VPCTags) == 0 {
		// the nodes' instances have it; the instance metadata service of the machine that lbc runs on does not
		known = "unknown"
	}
	connection, err := awsclient.Connect(ctx, awsclient.ConnectOptions{
		Region: c.Region, VPC: known, VPCTags: c.VPCTags, MaxAttempts: attempts, Endpoints: c.APIEndpoints,
		Version: r.options.Version, Transport: r.clock.transport,
	})
	if err != nil {
		return nil, err
	}
	clients := connection.Clients(awsclient.NewLimiter(awsclient.LimiterOptions{Attempts: attempts,
		MayWrite: func() error { return errWrites }}))
	c.Region, c.VPC = connection.Scope.Region, connection.Scope.VPC
	caller, err := clients.STS.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, err
	}
	if c.VPC == "unknown" {
		if c.VPC, err = vpcOfNodes(ctx, clients.EC2, s.facts.Nodes); err != nil {
			return nil, err
		}
	}
	return func(s *state) {
		s.connection, s.clients, s.config = connection, clients, c
		s.facts.Settings = doctor.Settings{
			Cluster: c.ClusterName, Region: c.Region, VPC: c.VPC, Account: aws.ToString(caller.Account),
			Caller: aws.ToString(caller.Arn),
			Subnets: doctor.SubnetSettings{
				CheckClusterTag: c.Gates.Enabled(config.SubnetsClusterTagCheck), ByReachability: c.Gates.Enabled(
					config.SubnetDiscoveryByReachable), SingleSubnet: c.Gates.Enabled(config.ALBSingleSubnet),
			},
			Accelerators: c.ServesAccelerators(),
		}
	}, nil
}

// settings are the controller's flags, those of the command line over those of the only Deployment.
func (r *reader) settings(s state) config.Config {
	c := r.options.Flags
	if len(s.configs) > 0 && s.configs[0] != nil {
		c = *s.configs[0]
		for flag, overrides := range map[string]func(){
			"cluster-name": func() { c.ClusterName = r.options.Flags.ClusterName },
			"aws-region":   func() { c.Region = r.options.Flags.Region },
			"aws-vpc-id":   func() { c.VPC = r.options.Flags.VPC },
		} {
			if r.options.Given(flag) {
				overrides()
			}
		}
	}
	if c.Region == "" && os.Getenv("AWS_REGION")+os.Getenv("AWS_DEFAULT_REGION") == "" {
		for i := range s.facts.Nodes {
			if region := s.facts.Nodes[i].Labels[corev1.LabelTopologyRegion]; region != "" {
				c.Region = region
			}
		}
	}
	return c
}

// vpcOfNodes is the VPC of the first node with an instance.
func vpcOfNodes(ctx context.Context, client awsclient.EC2, nodes []corev1.Node) (string, error) {
	for i := range nodes {
		id, why := registrar.InstanceID(&nodes[i])
		if why != "" {
			continue
		}
		out, err := client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
		if err != nil {
			return "", err
		}
		for _, r := range out.Reservations {
			for _, x := range r.Instances {
				return aws.ToString(x.VpcId), nil
			}
		}
	}
	return "", errors.New("the VPC is not known: no node has an instance that shows it; set --aws-vpc-id")
}

func (r *reader) network(ctx context.Context, s state) (put, error) {
	_, err := s.clients.EC2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{s.config.VPC}})
	var api smithy.APIError
	if errors.As(err, &api) && strings.HasPrefix(api.ErrorCode(), "InvalidVpcID") || errors.As(err, &api) &&
		strings.HasPrefix(api.ErrorCode(), "InvalidVpcId") {
		return func(*state) {}, nil
	} else if err != nil {
		return nil, err
	}
	scope := inventoryscope.Of(&s.config)
	scope.Now, scope.AddOnTimeout = time.Now, r.options.Timeout
	known, err := inventory.New(s.clients, scope).Answer(ctx, []facts.Need{{Kind: facts.NeedVPC},
		{Kind: facts.NeedSubnets}, {Kind: facts.NeedRoutes}, {Kind: facts.NeedSecurityGroups}})
	if err != nil {
		return nil, err
	}
	for _, err := range known.Errors {
		return nil, err
	}
	var groups []checks.Tagged
	for id, g := range known.SecurityGroups {
		if key, _, ok := naming.StackOf(s.config.ClusterName, g.Name, g.Tags); ok {
			groups = append(groups, checks.Tagged{ID: id, Key: key})
		}
	}
	return func(s *state) { s.facts.VPCExists, s.facts.AWS, s.facts.Groups = true, known, groups }, nil
}

// page is how many instances are asked for at a time.
const page = 100

func (r *reader) instances(ctx context.Context, s state) (put, error) {
	names, ids := map[string]string{}, []string{}
	for i := range s.facts.Nodes {
		if id, why := registrar.InstanceID(&s.facts.Nodes[i]); why == "" {
			names[id], ids = s.facts.Nodes[i].Name, append(ids, id)
		}
	}
	var all []checks.Instance
	for ; len(ids) > 0; ids = ids[min(page, len(ids)):] {
		in := &ec2.DescribeInstancesInput{
			Filters: []ec2types.Filter{{Name: aws.String("instance-id"), Values: ids[:min(page, len(ids))]}}}
		for p := ec2.NewDescribeInstancesPaginator(s.clients.EC2, in); p.HasMorePages(); {
			out, err := p.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, res := range out.Reservations {
				for i := range res.Instances {
					all = append(all, instance(s, &res.Instances[i], names[aws.ToString(res.Instances[i].InstanceId)]))
				}
			}
		}
	}
	return func(s *state) { s.facts.Instances = all }, nil
}

func instance(s state, of *ec2types.Instance, node string) checks.Instance {
	x := checks.Instance{ID: aws.ToString(of.InstanceId), Node: node, VPC: aws.ToString(of.VpcId)}
	if of.Placement != nil {
		x.Zone = aws.ToString(of.Placement.AvailabilityZone)
	}
	if m := of.MetadataOptions; m != nil {
		x.HopLimit = aws.ToInt32(m.HttpPutResponseHopLimit)
	}
	chooser := sgsync.Chooser{Cluster: s.config.ClusterName, Group: s.config.NodeSecurityGroup,
		ExtraTags: s.config.TargetENISecurityTags}
	for _, n := range of.NetworkInterfaces {
		if n.Attachment == nil || aws.ToInt32(n.Attachment.DeviceIndex) != 0 {
			continue
		}
		eni := network.Interface{ID: aws.ToString(n.NetworkInterfaceId), Primary: true}
		for _, g := range n.Groups {
			eni.Groups = append(eni.Groups, aws.ToString(g.GroupId))
		}
		choice, err := chooser.Choose(eni, sgsync.Groups{
			Tags: func(g string) map[string]string { return s.facts.AWS.SecurityGroups[g].Tags },
			Serves: func(g string) (bool, error) {
				if at := slices.IndexFunc(s.facts.Rules, func(x checks.GroupRules) bool { return x.ID == g }); at >= 0 {
					return s.facts.Rules[at].Serves, nil
				}
				return false, errors.New("its rules could not be read")
			},
		})
		if x.Extended = choice.Group; s.config.ClusterName == "" {
			continue
		}
		if x.Groups = choice.Doubt; err != nil {
			x.Groups = err.Error()
		}
	}
	return x
}
