async def test_x(shop, conversation):
    from actions.orders import ValidateTrackOrder

    shop.verified(conversation)
    r = await conversation.user("where is 1043", "track_order").starts("track_order_form").run(ValidateTrackOrder())
    print(r.responses, r.events)
