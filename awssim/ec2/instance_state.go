package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// StartInstances starts stopped instances.
func (s *Service) StartInstances(ctx context.Context, in *ec2.StartInstancesInput, _ ...func(*ec2.Options)) (*ec2.StartInstancesOutput, error) {
	return write(ctx, s, "StartInstances", in, func(in *ec2.StartInstancesInput) (*ec2.StartInstancesOutput, error) {
		changes, err := s.changeState(in.InstanceIds, "pending", in.DryRun, "stopped", "running", "pending")
		if err != nil {
			return nil, err
		}
		return &ec2.StartInstancesOutput{StartingInstances: changes}, nil
	})
}

// StopInstances stops running instances.
func (s *Service) StopInstances(ctx context.Context, in *ec2.StopInstancesInput, _ ...func(*ec2.Options)) (*ec2.StopInstancesOutput, error) {
	return write(ctx, s, "StopInstances", in, func(in *ec2.StopInstancesInput) (*ec2.StopInstancesOutput, error) {
		changes, err := s.changeState(in.InstanceIds, "stopping", in.DryRun, "running", "pending", "stopping", "stopped")
		if err != nil {
			return nil, err
		}
		return &ec2.StopInstancesOutput{StoppingInstances: changes}, nil
	})
}

// TerminateInstances ends instances for good.
func (s *Service) TerminateInstances(ctx context.Context, in *ec2.TerminateInstancesInput, _ ...func(*ec2.Options)) (*ec2.TerminateInstancesOutput, error) {
	return write(ctx, s, "TerminateInstances", in, func(in *ec2.TerminateInstancesInput) (*ec2.TerminateInstancesOutput, error) {
		changes, err := s.changeState(in.InstanceIds, "shutting-down", in.DryRun, "running", "pending", "stopping", "stopped", "shutting-down", "terminated")
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
func (s *Service) changeState(ids []string, state string, dry *bool, allowed ...string) ([]types.InstanceStateChange, error) {
	if len(ids) == 0 {
		return nil, missing("InstanceId")
	}
	ids, err := choose(instanceKind, ids, s.account.Instances, s.account.Usable)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if i := s.account.Instances[id]; !slices.Contains(allowed, i.State) {
			return nil, apierr.New("IncorrectInstanceState", "The instance '%s' is not in a state from which it can be changed: it is %s.", id, i.State)
		}
	}
	if err := dryRun(dry); err != nil {
		return nil, err
	}
	var changes []types.InstanceStateChange
	for _, id := range ids {
		i := s.account.Instances[id]
		change := types.InstanceStateChange{InstanceId: aws.String(id), PreviousState: stateOut(i.State, i.StateCode())}
		if !slices.Contains(settled[state], i.State) {
			if err := s.account.BeginInstanceState(id, state); err != nil {
				return nil, wireError(err)
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
