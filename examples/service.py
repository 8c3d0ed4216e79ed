"""A web service for one run. Not a medical device. It needs fastapi and uvicorn:

RUN=runs/demo uvicorn service:app
curl --data-binary @film.png localhost:8000/predict
"""

import os
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

import placa

app, model = FastAPI(), placa.load_model(os.environ["RUN"])


@app.post("/predict")
async def predict(request: Request) -> list[dict[str, Any]]:
    """Predict the image in the body of a request."""
    predictions = await run_in_threadpool(model.predict, await request.body(), progress=False)
    if predictions.rejected:
        raise HTTPException(422, predictions.rejected[0][1])
    return predictions.table[["finding", "probability", "class"]].to_dict("records")
