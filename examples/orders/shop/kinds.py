"""What can happen, as the activity log names it. `consumers.json` says what follows from each."""

PLAN_RAISED = "plan.raised"
PLAN_LOWERED = "plan.lowered"
PARCEL_LOST = "parcel.lost"
TASK_DONE = "task.done"
TASK_LEFT = "task.left"
TASK_RETRYING = "task.retrying"
TASK_GIVEN_UP = "task.given_up"
