// Package inventory is the only cache of AWS: the observed stacks of the cluster, the facts that compile asks for, and the
// rules of security groups. It loads in bulk, is written through by apply, and forgets what turns out to be wrong.
// It decides nothing and writes nothing. It may import cloud, facts, plan, stack and the AWS SDK.
package inventory
