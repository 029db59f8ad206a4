package plan

// Name is the AWS action.
func (CreateSecurityGroup) Name() string { return "CreateSecurityGroup" }

// Name is the AWS action.
func (AuthorizeIngress) Name() string { return "AuthorizeSecurityGroupIngress" }

// Name is the AWS action.
func (RevokeIngress) Name() string { return "RevokeSecurityGroupIngress" }

// Name is the AWS action.
func (DeleteSecurityGroup) Name() string { return "DeleteSecurityGroup" }

// Name is the AWS action.
func (TagSecurityGroup) Name() string { return "CreateTags" }

// Name is the AWS action.
func (UntagSecurityGroup) Name() string { return "DeleteTags" }

// Name is the AWS action.
func (CreateTargetGroup) Name() string { return "CreateTargetGroup" }

// Name is the AWS action.
func (ModifyTargetGroup) Name() string { return "ModifyTargetGroup" }

// Name is the AWS action.
func (ModifyTargetGroupAttributes) Name() string { return "ModifyTargetGroupAttributes" }

// Name is the AWS action.
func (DeleteTargetGroup) Name() string { return "DeleteTargetGroup" }

// Name is the AWS action.
func (CreateLoadBalancer) Name() string { return "CreateLoadBalancer" }

// Name is the AWS action.
func (SetSecurityGroups) Name() string { return "SetSecurityGroups" }

// Name is the AWS action.
func (SetSubnets) Name() string { return "SetSubnets" }

// Name is the AWS action.
func (SetIPAddressType) Name() string { return "SetIpAddressType" }

// Name is the AWS action.
func (ModifyLoadBalancerAttributes) Name() string { return "ModifyLoadBalancerAttributes" }

// Name is the AWS action.
func (DeleteLoadBalancer) Name() string { return "DeleteLoadBalancer" }

// Name is the AWS action.
func (CreateListener) Name() string { return "CreateListener" }

// Name is the AWS action.
func (ModifyListener) Name() string { return "ModifyListener" }

// Name is the AWS action.
func (DeleteListener) Name() string { return "DeleteListener" }

// Name is the AWS action.
func (AddListenerCertificates) Name() string { return "AddListenerCertificates" }

// Name is the AWS action.
func (RemoveListenerCertificates) Name() string { return "RemoveListenerCertificates" }

// Name is the AWS action.
func (ModifyListenerAttributes) Name() string { return "ModifyListenerAttributes" }

// Name is the AWS action.
func (CreateRule) Name() string { return "CreateRule" }

// Name is the AWS action.
func (ModifyRule) Name() string { return "ModifyRule" }

// Name is the AWS action.
func (SetRulePriorities) Name() string { return "SetRulePriorities" }

// Name is the AWS action.
func (DeleteRule) Name() string { return "DeleteRule" }

// Name is the AWS action.
func (AddTags) Name() string { return "AddTags" }

// Name is the AWS action.
func (RemoveTags) Name() string { return "RemoveTags" }

// Name is the AWS action.
func (AwaitTargets) Name() string { return "DescribeTargetHealth" }

// Name is the AWS action.
func (RegisterTargets) Name() string { return "RegisterTargets" }

// Name is the AWS action.
func (DeregisterTargets) Name() string { return "DeregisterTargets" }

// Name is the AWS action.
func (RegisterLoadBalancer) Name() string { return "RegisterTargets" }

// Name is the AWS action.
func (DeregisterLoadBalancer) Name() string { return "DeregisterTargets" }

// Name is the Kubernetes write.
func (CreateBinding) Name() string { return "CreateBinding" }

// Name is the Kubernetes write.
func (UpdateBinding) Name() string { return "UpdateBinding" }

// Name is the Kubernetes write.
func (DeleteBinding) Name() string { return "DeleteBinding" }
