// Package apply executes plans: every step as soon as those that it needs are done, a bounded number at a time, writing each
// result through to the inventory. It never sleeps and decides nothing about the wish; a step that cannot succeed now says
// until when to wait. It may import cloud, inventory, plan, stack, diag and the AWS SDK.
package apply
