package instance

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/filter"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

// StartInstances starts stopped instances.
func (s *Instances) StartInstances(ctx context.Context, in *ec2.StartInstancesInput, _ ...func(*ec2.Options)) (
	*ec2.StartInstancesOutput, error) {
	return call.Write(ctx, s.entry, "StartInstances", in, func(in *ec2.StartInstancesInput) (
		*ec2.StartInstancesOutput, error) {
		changes, err := s.changeState(in.InstanceIds, "pending", in.DryRun, "stopped", "running", "pending")
		if err != nil {
			return nil, err
		}
		return &ec2.StartInstancesOutput{StartingInstances: changes}, nil
	})
}

// StopInstances stops running instances.
func (s *Instances) StopInstances(ctx context.Context, in *ec2.StopInstancesInput, _ ...func(*ec2.Options)) (
	*ec2.StopInstancesOutput, error) {
	return call.Write(ctx, s.entry, "StopInstances", in, func(in *ec2.StopInstancesInput) (
		*ec2.StopInstancesOutput, error) {
		changes, err := s.changeState(in.InstanceIds, "stopping", in.DryRun, "running", "pending", "stopping", "stopped")
		if err != nil {
			return nil, err
		}
		return &ec2.StopInstancesOutput{StoppingInstances: changes}, nil
	})
}

// TerminateInstances ends instances for good.
func (s *Instances) TerminateInstances(ctx context.Context, in *ec2.TerminateInstancesInput, _ ...func(*ec2.Options)) (
	*ec2.TerminateInstancesOutput, error) {
	return call.Write(ctx, s.entry, "TerminateInstances", in, func(in *ec2.TerminateInstancesInput) (
		*ec2.TerminateInstancesOutput, error) {
		changes, err := s.changeState(in.InstanceIds, "shutting-down", in.DryRun, "running", "pending", "stopping", "stopped",
			"shutting-down", "terminated")
		if err != nil {
			return nil, err
		}
		return &ec2.TerminateInstancesOutput{TerminatingInstances: changes}, nil
	})
}

// settled are the states that an instance is in or on its way to, by the state that leads there: no change is needed.
var settled = map[string][]string{
	"pending":       {"pending", "running"},
	"stopping":      {"stopping", "stopped"},
	"shutting-down": {"shutting-down", "terminated"},
}

// changeState moves instances that are in one of the allowed states, all or none.
func (s *Instances) changeState(ids []string, state string, dry *bool, allowed ...string) ([]types.InstanceStateChange,
	error) {
	if len(ids) == 0 {
		return nil, request.Missing("InstanceId")
	}
	ids, err := filter.Choose(kind.Instance, ids, s.account.Instances, s.account.Usable)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if i := s.account.Instances[id]; !slices.Contains(allowed, i.State) {
			return nil, apierr.New("IncorrectInstanceState",
				"The instance '%s' is not in a state from which it can be changed: it is %s.", id, i.State)
		}
	}
	if err := request.DryRun(dry); err != nil {
		return nil, err
	}
	var changes []types.InstanceStateChange
	for _, id := range ids {
		i := s.account.Instances[id]
		change := types.InstanceStateChange{InstanceId: aws.String(id), PreviousState: stateOut(i.State, i.StateCode())}
		if !slices.Contains(settled[state], i.State) {
			if err := s.account.BeginInstanceState(id, state); err != nil {
				return nil, request.AWSError(err)
			}
		}
		change.CurrentState = stateOut(i.State, i.StateCode())
		changes = append(changes, change)
	}
	return changes, nil
}

func stateOut(name string, code int32) *types.InstanceState {
	return &types.InstanceState{Name: types.InstanceStateName(name), Code: aws.Int32(code)}
}

// ModifyInstanceAttribute changes the security groups, the source/destination check or the type of an instance.
func (s *Instances) ModifyInstanceAttribute(ctx context.Context, in *ec2.ModifyInstanceAttributeInput,
	_ ...func(*ec2.Options)) (*ec2.ModifyInstanceAttributeOutput, error) {
	return call.Write(ctx, s.entry, "ModifyInstanceAttribute", in, func(in *ec2.ModifyInstanceAttributeInput) (
		*ec2.ModifyInstanceAttributeOutput, error) {
		i, err := request.Named(s.account, kind.Instance, "instanceId", in.InstanceId, s.account.Instances)
		if err != nil {
			return nil, err
		}
		n := primaryOf(s.account, i)
		if n == nil {
			return nil, apierr.New("IncorrectInstanceState", "The instance '%s' is %s.", i.ID, i.State)
		}
		if len(in.Groups) > 0 {
			if len(i.Interfaces) > 1 {
				return nil, apierr.New("InvalidInstanceID", "There are multiple interfaces attached to instance '%s'. Please "+
					"specify an interface ID for the operation instead.", i.ID)
			}
			if _, err := s.interfaceGroups(n.VPC, in.Groups); err != nil {
				return nil, err
			}
		}
		if in.InstanceType != nil && i.State != "stopped" {
			return nil, apierr.New("IncorrectInstanceState", "The instance '%s' is not in the 'stopped' state.", i.ID)
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		if len(in.Groups) > 0 {
			n.Groups = append([]string(nil), in.Groups...)
		}
		if in.SourceDestCheck != nil {
			n.SourceDestCheck = aws.ToBool(in.SourceDestCheck.Value)
		}
		if in.InstanceType != nil {
			i.Type = aws.ToString(in.InstanceType.Value)
			i.Architecture = architectureOf(i.Type)
		}
		return &ec2.ModifyInstanceAttributeOutput{}, nil
	})
}
